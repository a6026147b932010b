"""What the error at each timestep counts."""

from jaxtyping import Float
from torch import Tensor

from cyberhost_cli.config.training import LossConfig
from cyberhost_cli.training.levels import Levels, Prediction


def weigh(loss: LossConfig, kind: Prediction, levels: Levels) -> Float[Tensor, "b"]:
    """Return the weight of each row's squared error.

    `prediction` is 1. `velocity` is what the same error would be as one of the velocity, at most `snr_limit`: for
    `sample` that is SNR + 1, for `epsilon` (SNR + 1) / SNR, for `v_prediction` 1.

    `min_snr` (Hang et al., 2023) is min(SNR, limit) as an error of the picture. Where a schedule ends in pure noise
    that would be 0, and the first step of sampling never be learned; so SNR + 1 takes the place of SNR, as in Hallo,
    but for `epsilon`, whose weight min(SNR, limit) / SNR is 1 there.
    """
    of_picture, of_noise = levels.noise.square().reciprocal(), levels.signal.square().reciprocal()
    if loss.weighting == "prediction":
        return of_picture.new_ones(of_picture.shape)
    if loss.weighting == "velocity":
        asked = {"sample": of_picture, "epsilon": of_noise, "v_prediction": of_picture.new_ones(of_picture.shape)}
        return asked[kind].clamp(max=loss.snr_limit)
    if kind == "epsilon":
        return (loss.snr_limit * (levels.noise / levels.signal).square()).clamp(max=1)
    weights = of_picture.clamp(max=loss.snr_limit)
    return weights if kind == "sample" else weights / of_picture
