"""The networks; no files, no terminal, no schedules."""
