"""The company an empty sandbox starts with: deterministic by seed and sizes."""
