"""Places of savepoints: a folder of this machine, and S3 of more than one make."""
