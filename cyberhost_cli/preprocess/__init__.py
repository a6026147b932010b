"""Pixels and samples become signals."""
