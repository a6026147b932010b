import torch

from cyberhost_cli.evaluation import examples, fit, nets, readers


def test_a_few_steps_end_in_readers(folder, frames, tmp_path):
    fit.main([str(folder), "--held-out", str(folder), "--out", str(tmp_path), "--steps", "3", "--batch", "2"])
    read = readers.open_readers(tmp_path / readers.NAME).read(frames[:2])
    assert read.mouth.shape == (2,)


def test_what_was_learned_is_worth_something(folder):
    place = readers.device()
    known = examples.open_examples(folder, 1, 6).to(place)
    losses = []
    for points, mouth in ((nets.PointNet().to(place), nets.MouthNet().to(place)), _learned()):
        random = torch.Generator().manual_seed(0)
        with torch.inference_mode():
            losses.append((fit.point_loss(points, known, 4, random), fit.mouth_loss(mouth, known, random)))
    assert losses[1][0] < 0.2 * losses[0][0]
    assert losses[1][1] < 0.5 * losses[0][1]


def _learned():
    known = readers.load()
    return known.points, known.mouth
