"""A child process that speaks one text with espeak-ng and reports its phones.

The library keeps state between two texts, so that only a fresh process gives the same sound for the same text.
Run as a script: a JSON request on stdin, one line of JSON and then raw PCM on stdout.
"""

import ctypes
import json
import sys
from typing import ClassVar

import espeakng_loader

_SYNCHRONOUS = 2
_PHONEME_EVENTS_IN_IPA = 0b11
_DO_NOT_EXIT = 0x8000
_RATE, _PITCH, _RANGE = 1, 3, 4
_UTF8 = 1
_PHONEME = 7


class _Id(ctypes.Union):
    _fields_: ClassVar = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_: ClassVar = [
        ("type", ctypes.c_int),
        ("unique", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_Event))


def speak(text: str, voice: str, speed: int, pitch: int, pitch_range: int) -> tuple[int, list[tuple[str, int]], bytes]:
    """Return the sampling rate, (phone in IPA, first sample) for every phone, and 16-bit mono PCM."""
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    path = espeakng_loader.get_data_path().encode()
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, path, _PHONEME_EVENTS_IN_IPA | _DO_NOT_EXIT)
    sound, phones = bytearray(), list[tuple[str, int]]()

    def collect(samples: int | None, count: int, events: "ctypes._Pointer[_Event]") -> int:
        if samples and count > 0:
            sound.extend(ctypes.string_at(samples, 2 * count))
        index = 0
        while events[index].type:
            if events[index].type == _PHONEME:
                phones.append((bytes(events[index].id.string).decode("utf-8", "ignore"), events[index].sample))
            index += 1
        return 0

    callback = _Callback(collect)
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        raise ValueError(f"espeak-ng has no voice {voice}")
    for parameter, value in ((_RATE, speed), (_PITCH, pitch), (_RANGE, pitch_range)):
        library.espeak_SetParameter(parameter, value, 0)
    data = text.encode()
    library.espeak_Synth(data, len(data) + 1, 0, 0, 0, _UTF8, None, None)
    library.espeak_Synchronize()
    return rate, phones, bytes(sound)


if __name__ == "__main__":
    rate, phones, sound = speak(**json.load(sys.stdin))
    sys.stdout.buffer.write(json.dumps({"rate": rate, "phones": phones}).encode() + b"\n" + sound)
