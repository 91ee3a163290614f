"""What is done to records, in order: fetch, transform, validate, upsert. Columnar, chunk by chunk.

A phase reads and writes chunks of the staging store and hands on a manifest. Phases never call
each other; a flow puts them in a row.
"""
