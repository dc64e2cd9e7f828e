"""Where everything is kept: metadata in SQL, evidence in Parquet segments, bodies in blobs."""
