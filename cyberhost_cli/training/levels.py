"""Noise levels: how pictures, noise and what a model predicts make each other."""

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor

Prediction = Literal["sample", "v_prediction", "epsilon"]
Latents = Float[Tensor, "b f c h w"]


@dataclass(frozen=True)
class Levels:
    """How much of the picture and of the noise is in each row; the squares add up to one."""

    signal: Float[Tensor, "b"]
    noise: Float[Tensor, "b"]

    @staticmethod
    def of(cumulative: Float[Tensor, "b"]) -> "Levels":
        """Return the levels for the cumulative product of a schedule's alphas."""
        return Levels(cumulative.sqrt(), (1 - cumulative).sqrt())

    def mixed(self, clean: Latents, noise: Latents) -> Latents:
        """Return noisy latents."""
        return _wide(self.signal) * clean + _wide(self.noise) * noise

    def noise_in(self, noisy: Latents, clean: Latents) -> Latents:
        """Return the noise in noisy latents whose picture is known."""
        return (noisy - _wide(self.signal) * clean) / _wide(self.noise)

    def predicted(self, kind: Prediction, clean: Latents, noise: Latents) -> Latents:
        """Return what a model predicts that knows picture and noise."""
        if kind == "v_prediction":
            return _wide(self.signal) * noise - _wide(self.noise) * clean
        return clean if kind == "sample" else noise

    def clean_by(self, kind: Prediction, noisy: Latents, predicted: Latents) -> Latents:
        """Return the picture that a prediction means."""
        if kind == "sample":
            return predicted
        if kind == "v_prediction":
            return _wide(self.signal) * noisy - _wide(self.noise) * predicted
        return (noisy - _wide(self.noise) * predicted) / _wide(self.signal)

    def step_to(self, later: "Levels", noisy: Latents, clean: Latents) -> Latents:
        """Return where a DDIM step to less noise ends (Song et al., 2020, equation 12, without new noise)."""
        return later.mixed(clean, self.noise_in(noisy, clean))

    def clean_from_step(self, later: "Levels", noisy: Latents, ended: Latents) -> Latents:
        """Return the picture by which one DDIM step ends there (Salimans and Ho, 2022, appendix G)."""
        kept = _wide(later.noise / self.noise)
        return (ended - kept * noisy) / (_wide(later.signal) - kept * _wide(self.signal))


def _wide(level: Float[Tensor, "b"]) -> Float[Tensor, "b 1 1 1 1"]:
    return level[:, None, None, None, None]
