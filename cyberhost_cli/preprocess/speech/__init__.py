"""A recording becomes what the model hears."""
