import pytest
import torch

from cyberhost_cli.config.model import RegionConfig
from cyberhost_cli.models.branches import fork
from cyberhost_cli.models.region import LatentsBank, RegionAttention

CONFIG = RegionConfig(
    enabled=True,
    spatial_latents=8,
    temporal_latents=4,
    identity_features=None,
    identity_widths=(8,),
    identity_tokens=4,
    identity_width=6,
    mask_channels=8,
)


def region(**changes):
    options = {"latents_bank": True, "identity_descriptor": True, "heatmaps": 0} | changes
    return RegionAttention(16, 2, 8, CONFIG, **options)


def run(module, x, identity, frames):
    """Return what a module makes of clips, all rows of one branch."""
    keys = module.keys(identity)
    return module(x, keys, fork((0,), len(x), [keys.identity]), frames)[0]


def test_bank_is_orthonormal_and_keeps_directions():
    bank = LatentsBank(5, 12)
    basis = bank()[0]
    torch.testing.assert_close(basis @ basis.T, torch.eye(5), atol=1e-5, rtol=0)
    # Gram-Schmidt keeps the first latent's direction, and each latent's own side.
    first = bank.latents[0] / bank.latents[0].norm()
    torch.testing.assert_close(basis[0], first, atol=1e-5, rtol=0)
    assert ((basis * bank.latents).sum(1) > 0).all()


def test_bank_can_be_learned():
    bank = LatentsBank(3, 6)
    (bank() * torch.randn(1, 3, 6)).sum().backward()
    assert bank.latents.grad.abs().sum() > 0


def test_kept_latents_are_forgotten_in_training():
    bank = LatentsBank(3, 6).eval()
    names, before = set(bank.state_dict()), bank().detach()
    bank.keep()
    assert bank() is bank()
    assert torch.equal(bank(), before)
    assert set(bank.state_dict()) == names
    assert bank.double()().dtype == torch.float64
    bank.float().train()
    assert bank().requires_grad
    with torch.no_grad():
        bank.latents.normal_()
    assert not torch.allclose(bank.eval()(), before, atol=1e-3)


def test_more_latents_than_width_are_refused():
    with pytest.raises(ValueError, match="cannot be orthogonal"):
        LatentsBank(7, 6)


def test_a_fresh_module_changes_nothing():
    module, x = region(), torch.randn(6, 16, 4, 4)
    out = run(module, x, torch.randn(2, 4, 6), 3)
    assert torch.equal(out, x)


def test_output_is_bounded_by_the_mask():
    module, x = region(), torch.randn(3, 16, 4, 4)
    torch.nn.init.normal_(module.temporal_attention.to_out[0].weight)
    torch.nn.init.constant_(module.mask_predictor[2].bias, -100.0)
    closed = run(module, x, None, 3)
    torch.nn.init.constant_(module.mask_predictor[2].bias, 100.0)
    opened = run(module, x, None, 3)
    torch.testing.assert_close(closed, x)
    assert (opened - x).abs().max() > 0.01


def test_frames_are_told_apart_by_the_temporal_bank():
    module = region()
    torch.nn.init.normal_(module.temporal_attention.to_out[0].weight)
    x = torch.randn(1, 16, 4, 4).repeat(3, 1, 1, 1)
    out = run(module, x, None, 3)
    assert not torch.allclose(out[0], out[1], atol=1e-4)


def test_folded_attention_is_attention():
    """What the banks and the identity say is what attention after attention over their tokens says."""
    module, x, identity = region(), torch.randn(6, 16, 4, 4), torch.randn(2, 4, 6)
    for attention in (module.spatial_attention, module.temporal_attention, module.identity_attention):
        torch.nn.init.normal_(attention.to_out[0].weight, std=0.5)
        torch.nn.init.normal_(attention.to_out[0].bias)
        torch.nn.init.normal_(attention.to_q.weight)
    banks = module.keys(None).banks
    queries = torch.randn(2, 3 * 16, 16)
    spatial = module.spatial_attention(queries, spread(module.spatial_attention, module.spatial_bank(), 2))
    placed = spatial + module.positions[:, :3].repeat_interleave(16, 1)
    moved = module.temporal_attention(placed, spread(module.temporal_attention, module.temporal_bank(), 2))
    torch.testing.assert_close(banks.attend(queries, 3), moved, atol=1e-5, rtol=1e-5)
    seen = module.identity_attention(queries, module.identity_attention.project(identity))
    torch.testing.assert_close(module.keys(identity).identity.attend(queries), seen, atol=1e-5, rtol=1e-5)
    shown, hidden = run(module, x, identity, 3), run(module, x, None, 3)
    assert (shown - hidden).abs().max() > 1e-3


def spread(attention, tokens, rows):
    return attention.project(tokens).spread(rows, 1)
