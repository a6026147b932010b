"""Pictures and films of what was found and heard, for people to look at."""

from cyberhost_cli.preprocess.overlay.film import film
from cyberhost_cli.preprocess.overlay.sheet import draw, film_size
from cyberhost_cli.preprocess.overlay.track import draw_track

__all__ = ["draw", "draw_track", "film", "film_size"]
