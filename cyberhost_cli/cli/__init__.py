"""The command line: each command parses, calls a function below and prints."""
