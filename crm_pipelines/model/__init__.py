"""The nouns of the project, without input or output: streams, fields, slices, manifests, errors."""
