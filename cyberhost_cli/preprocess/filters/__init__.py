"""What tells whether a filmed video is fit to train on."""
