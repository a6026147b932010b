import json

import av
import pytest

from cyberhost_cli.errors import InputError
from cyberhost_cli.media.marks import read_marks
from cyberhost_cli.media.writer import write_video

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


@pytest.mark.parametrize(("kind", "name"), [("h264", "a.mp4"), ("h264", "a.mov"), ("prores", "a.mov"), ("png", "out")])
def test_marks_come_back(tmp_path, recording, moving, output, marks, kind, name):
    write_video(tmp_path / name, moving(3), (96, 64), 25, recording, output(kind), marks, False)
    assert read_marks(tmp_path / name) == marks
    if kind == "png":
        for path in (tmp_path / name).iterdir():
            assert IPTC.encode() in path.read_bytes()
            assert read_marks(path) == marks


def test_others_can_read_them(tmp_path, recording, moving, output, marks):
    write_video(tmp_path / "a.mp4", moving(3), (96, 64), 25, recording, output(), marks, False)
    with av.open(str(tmp_path / "a.mp4")) as container:
        fields = json.loads(container.metadata["comment"])
    assert fields["digital_source_type"] == IPTC
    assert fields["generator"].startswith("cyberhost ")
    assert (fields["preset"], fields["seed"], fields["checkpoint"]) == ("demo", 7, marks.checkpoint)


@pytest.mark.parametrize("name", ["b.mkv", "b.mp4", "b.mov"])
def test_remuxing_keeps_them(tmp_path, recording, moving, output, marks, name):
    write_video(tmp_path / "a.mp4", moving(3), (96, 64), 25, recording, output(), marks, False)
    with av.open(str(tmp_path / "a.mp4")) as source, av.open(str(tmp_path / name), "w") as target:
        target.metadata.update(source.metadata)
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                target.mux(packet)
    assert read_marks(tmp_path / name) == marks


@pytest.mark.parametrize("comment", ["", "shot on holiday", "[1]", '{"seed": 3}', "3"])
def test_files_of_others_carry_none(tmp_path, moving, comment):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        container.metadata["comment"] = comment
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(next(moving(1))[0], format="rgb24")))
        container.mux(stream.encode(None))
    assert read_marks(tmp_path / "a.mp4") is None


def test_refused(tmp_path):
    with pytest.raises(InputError, match="without pictures"):
        read_marks(tmp_path)
    with pytest.raises(InputError, match="No such file"):
        read_marks(tmp_path / "a.mp4")
