"""Gestures of hands that go with speech, for where nobody drives them."""
