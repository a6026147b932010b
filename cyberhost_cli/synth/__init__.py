"""Synthetic actors: rendered talking bodies with exact ground truth."""

import warp

# It greets on stdout, which is for results.
warp.config.log_level = warp.LOG_ERROR
