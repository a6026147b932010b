"""`python -m cyberhost_cli`, for where the console script is not on the path."""

from cyberhost_cli.cli.app import main

main()
