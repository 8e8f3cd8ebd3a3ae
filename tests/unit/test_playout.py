"""Speech written ahead of time and sent in time, on virtual time: pacing, timestamps, flush, what was heard."""

from __future__ import annotations

import itertools
import random
from array import array
from collections.abc import Callable

import pytest

from rtcsplit.errors import UsageError
from rtcsplit.media.encoding import EncodeJob, G711FrameEncoder, OpusFrameEncoder
from rtcsplit.media.fade import fade_out
from rtcsplit.media.g711 import decode_g711
from rtcsplit.media.opus import OpusDecoder
from rtcsplit.media.playout import Playout
from rtcsplit.media.playout_events import (
    OutgoingFrame,
    PlayoutEvent,
    PlayoutSettings,
    SegmentFinished,
    SegmentStarted,
    SilencePolicy,
    Starved,
)

from ..audio_stream import OPUS, PCMU

START = 50.0013  # not on the grid
LAG = 0.095  # of what is heard behind what leaves, before any report
LOUD = 8000


class Speaker:
    """A playout and its driver."""

    def __init__(self, settings: PlayoutSettings | None = None, **options: object) -> None:
        self.playout = Playout(G711FrameEncoder(PCMU), settings, **options)  # type: ignore[arg-type]
        self.now = START
        self.sent: list[tuple[float, OutgoingFrame]] = []
        self.events: list[tuple[float, PlayoutEvent]] = []

    def run_for(self, seconds: float) -> None:
        end = self.now + seconds
        for _ in range(100_000):
            self.drain()
            timer = self.playout.next_timer()
            if timer is None or timer > end:
                break
            self.now = max(self.now, timer)
            self.playout.handle_timer(self.now)
        else:
            raise AssertionError("a timer that never comes to rest")
        self.now = end

    def drain(self) -> None:
        self.sent += [(self.now, frame) for frame in self.playout.frames_to_send()]
        while (event := self.playout.next_event()) is not None:
            self.events.append((self.now, event))

    def say(self, seconds: float, level: int = LOUD) -> None:
        self.playout.write(array("h", [level] * int(seconds * 8000)).tobytes(), self.now)

    def of(self, kind: type[PlayoutEvent]) -> list[PlayoutEvent]:
        return [event for _, event in self.events if isinstance(event, kind)]

    def loudness(self) -> list[int]:
        """The loudest sample of each packet."""
        return [max(map(abs, array("h", decode_g711("pcmu", frame.payload)))) for _, frame in self.sent]


def test_speech_leaves_in_time_however_early_it_was_written() -> None:
    """The first packet at once, the others 20 ms apart on the grid; then a little silence, then nothing."""
    speaker = Speaker()
    speaker.say(3.0)
    speaker.playout.end_segment(speaker.now)
    speaker.run_for(10.0)
    times = [at for at, _ in speaker.sent]
    assert times[0] == START
    assert len(times) == 150 + 5
    assert [b - a for a, b in itertools.pairwise(times[1:])] == pytest.approx([0.02] * 153)
    assert 0.015 <= times[1] - times[0] <= 0.02
    assert all(abs(at / 0.005 - round(at / 0.005)) < 1e-6 for at in times[1:])
    assert [level > 7000 for level in speaker.loudness()] == [True] * 150 + [False] * 5
    assert speaker.playout.next_timer() is None


def test_timestamps_follow_the_clock_over_a_pause_and_the_marker_begins_each_talkspurt() -> None:
    """F16: a silence is a jump of whole frames and a marker, audio within a talkspurt is contiguous."""
    speaker = Speaker()
    for _ in range(2):
        speaker.say(0.1)
        speaker.playout.end_segment(speaker.now)
        speaker.run_for(1.003)
    frames = [frame for _, frame in speaker.sent]
    assert [frame.has_marker for frame in frames] == ([True] + [False] * 9) * 2
    assert {frame.duration for frame in frames} == {160}
    gaps = [frame.gap for frame in frames]
    assert sum(map(bool, gaps)) == 1
    assert gaps[10] == 160 * int((speaker.sent[10][0] - speaker.sent[9][0] - 0.02) / 0.02 + 1e-6)


def test_speech_within_the_hangover_goes_on_without_a_gap() -> None:
    speaker = Speaker()
    speaker.say(0.06)
    speaker.run_for(0.1)
    speaker.say(0.06)
    speaker.run_for(0.05)
    assert {frame.gap for _, frame in speaker.sent} == {0}
    assert [frame.has_marker for _, frame in speaker.sent].count(True) == 2


def test_flush_falls_silent_at_once_with_a_fade() -> None:
    """At any moment: the fade leaves ahead of its time, then nothing but silence, at the pace that was kept before."""
    for moment in random.Random(1).sample(range(1000), 50):
        speaker = Speaker()
        speaker.say(5.0)
        speaker.run_for(0.3 + moment / 50_000)
        before = len(speaker.sent)
        cut = speaker.playout.flush(speaker.now)
        flushed_at = speaker.now
        speaker.run_for(1.0)
        assert isinstance(cut, SegmentFinished)
        after = speaker.sent[before:]
        fade = array("h", decode_g711("pcmu", after[0][1].payload))
        assert after[0][0] == flushed_at
        assert after[1][0] - speaker.sent[before - 1][0] == pytest.approx(0.04)
        assert [frame.gap for _, frame in after] == [0] * 6
        assert max(fade[:4]) > 5000
        assert list(fade[40:]) == [0] * 120  # 5 ms
        assert all(a >= b for a, b in itertools.pairwise(fade[:40]))
        assert [max(decode_g711("pcmu", frame.payload)) for _, frame in after[1:]] == [0] * 5
        assert cut.seconds == pytest.approx(before * 0.02 + 0.005)
        assert cut.is_interrupted


def test_flush_sets_the_encoder_back_so_that_the_fade_follows_what_was_sent() -> None:
    """Opus: the frame that was encoded ahead of its time never was; decoded, the fade has no crack."""
    speech = array("h", (int(9000 * ((n % 109) / 54.5 - 1)) for n in range(24_000))).tobytes()
    encoder = OpusFrameEncoder(OPUS, 24_000)
    playout = Playout(encoder)
    playout.write(speech, 0.0)
    for n in range(10):
        playout.handle_timer(n * 0.02)
    sent = playout.frames_to_send()
    playout.flush(0.19)
    [fade] = playout.frames_to_send()
    twin = OpusFrameEncoder(OPUS, 24_000)
    assert [twin.encode(speech[n * 960 : (n + 1) * 960]) for n in range(10)] == [frame.payload for frame in sent]
    assert twin.encode(fade_out(speech[9600 : 9600 + 960], 120)) == fade.payload
    decoder = OpusDecoder(sample_rate=24_000)
    for frame in sent:
        decoder.decode(frame.payload)
    tail = array("h", decoder.decode(fade.payload) or b"")
    assert max(map(abs, tail[300:])) < 1500


def test_flush_of_a_playout_that_is_silent_does_nothing() -> None:
    speaker = Speaker()
    assert speaker.playout.flush(speaker.now) is None
    speaker.say(0.1)
    speaker.playout.end_segment(speaker.now)
    speaker.run_for(2.0)
    assert speaker.playout.flush(speaker.now) is None
    assert len(speaker.of(SegmentFinished)) == 1


def test_speech_after_a_flush_begins_a_new_segment() -> None:
    speaker = Speaker()
    speaker.playout.begin_segment("answer")
    speaker.say(1.0)
    speaker.run_for(0.2)
    speaker.playout.flush(speaker.now)
    speaker.playout.begin_segment("apology")
    speaker.say(0.1)
    speaker.playout.end_segment(speaker.now)
    speaker.run_for(1.0)
    assert [event for _, event in speaker.events] == [
        SegmentStarted("answer"),
        SegmentFinished("answer", pytest.approx(0.225), True),  # type: ignore[arg-type]
        SegmentStarted("apology"),
        SegmentFinished("apology", pytest.approx(0.1), False),  # type: ignore[arg-type]
    ]


def test_a_pause_fades_holds_and_goes_on() -> None:
    """Nothing is lost and nothing starves: the rest leaves behind the fade, and the heard position stands meanwhile."""
    speaker = Speaker()
    speaker.say(1.0)
    speaker.playout.end_segment(speaker.now)
    speaker.run_for(0.305)
    speaker.playout.pause(speaker.now)
    paused_at = speaker.now
    speaker.run_for(2.0)
    assert speaker.sent[16][0] == paused_at
    assert [level > 7000 for level in speaker.loudness()] == [True] * 17 + [False] * 5
    faded = array("h", decode_g711("pcmu", speaker.sent[16][1].payload))
    assert faded[0] > 7000
    assert not any(faded[40:])
    heard = speaker.playout.heard(speaker.now)
    assert heard is not None
    assert heard.seconds == pytest.approx(16 * 0.02 + 0.005)
    assert speaker.playout.is_playing
    speaker.playout.pause(speaker.now)
    assert not speaker.of(Starved)
    speaker.playout.resume(speaker.now)
    resumed_at = speaker.now
    speaker.run_for(2.0)
    after = speaker.sent[22:]
    assert after[0][0] == resumed_at
    assert after[0][1].has_marker
    assert len(after) == 34 + 5  # 675 ms, the last packet filled up
    assert speaker.of(SegmentStarted) == [SegmentStarted("1")]
    assert speaker.of(SegmentFinished) == [SegmentFinished("1", 1.0, False)]
    assert speaker.playout.underruns == 0


def test_what_is_written_during_a_pause_waits() -> None:
    """Also where nothing had left before; and a pause at the very end of a segment lets that end."""
    speaker = Speaker()
    speaker.playout.pause(speaker.now)
    speaker.say(0.1)
    speaker.playout.end_segment(speaker.now)
    speaker.run_for(1.0)
    assert not speaker.sent
    speaker.playout.resume(speaker.now)
    speaker.run_for(1.0)
    assert len(speaker.sent) == 5 + 5
    speaker.say(0.024)
    speaker.playout.end_segment(speaker.now)
    speaker.run_for(0.001)
    speaker.playout.pause(speaker.now)
    speaker.run_for(1.0)
    assert speaker.of(SegmentFinished) == [
        SegmentFinished("1", pytest.approx(0.1), False),
        SegmentFinished("2", pytest.approx(0.024), False),
    ]


@pytest.mark.parametrize("seconds", [0.07, 0.061, 0.08], ids=["in the last frame", "in its end", "before it"])
def test_a_pause_near_the_end_of_a_segment_keeps_its_rest(seconds: float) -> None:
    speaker = Speaker()
    speaker.say(seconds)
    speaker.playout.end_segment(speaker.now)
    speaker.say(0.02)
    speaker.run_for(0.045)
    speaker.playout.pause(speaker.now)
    speaker.run_for(0.5)
    speaker.playout.resume(speaker.now)
    speaker.playout.end_segment(speaker.now)
    speaker.run_for(0.5)
    assert speaker.of(SegmentFinished) == [
        SegmentFinished("1", pytest.approx(seconds), False),
        SegmentFinished("2", pytest.approx(0.02), False),
    ]
    assert speaker.playout.queued == 0


def test_a_flush_during_a_pause_drops_what_is_held_back() -> None:
    """Without a sound: the listener heard the fade already. The pause goes on."""
    speaker = Speaker()
    speaker.say(1.0)
    speaker.run_for(0.305)
    speaker.playout.pause(speaker.now)
    speaker.drain()
    count = len(speaker.sent)
    cut = speaker.playout.flush(speaker.now)
    assert cut == SegmentFinished("1", pytest.approx(16 * 0.02 + 0.005), True)
    speaker.run_for(1.0)
    assert [level > 7000 for level in speaker.loudness()[count:]] == [False] * 5
    assert speaker.playout.is_paused
    assert not speaker.playout.is_playing


def test_every_segment_finishes_once_with_what_was_sent_of_it() -> None:
    """Three written at once; the second is cut off, so the third is never begun."""
    speaker = Speaker()
    for name in ("one", "two", "three"):
        speaker.playout.begin_segment(name)
        speaker.say(0.25)
    speaker.run_for(0.4)
    speaker.playout.flush(speaker.now)
    speaker.run_for(1.0)
    finished = {event.segment: event for event in speaker.of(SegmentFinished)}  # type: ignore[union-attr]
    assert list(finished) == ["one", "two", "three"]
    assert finished["one"] == SegmentFinished("one", 0.25, False)
    assert finished["two"].is_interrupted  # type: ignore[union-attr]
    assert 0.1 < finished["two"].seconds < 0.18  # type: ignore[union-attr]
    assert finished["three"] == SegmentFinished("three", 0.0, True)


def test_a_segment_is_finished_when_its_end_is_heard() -> None:
    """Not when it has left; with a report of a longer way, later."""
    for round_trip, lag in ((None, LAG), (0.2, 0.17)):
        speaker = Speaker()
        if round_trip is not None:
            speaker.playout.note_report(round_trip, 0.0, 0, speaker.now)
        speaker.say(0.5)
        speaker.playout.end_segment(speaker.now)
        speaker.run_for(2.0)
        [(at, _)] = [pair for pair in speaker.events if isinstance(pair[1], SegmentFinished)]
        assert at == pytest.approx(START + 0.5 + lag, abs=0.006)


def test_a_segment_that_is_ended_after_it_was_sent_finishes_all_the_same() -> None:
    for pause in (0.05, 1.0):
        speaker = Speaker()
        speaker.say(0.1)
        speaker.run_for(pause + 0.1)
        speaker.playout.end_segment(speaker.now)
        assert speaker.playout.flush(speaker.now) is None
        speaker.run_for(1.0)
        assert speaker.of(SegmentFinished) == [SegmentFinished("1", 0.1, False)]


def test_the_heard_position_is_behind_what_was_sent_by_the_way_to_the_ear() -> None:
    speaker = Speaker()
    assert speaker.playout.heard(speaker.now) is None
    speaker.say(2.0)
    speaker.run_for(1.0)
    heard = speaker.playout.heard(speaker.now)
    assert heard is not None
    assert heard.seconds == pytest.approx(1.0 - LAG, abs=0.006)
    speaker.playout.note_report(0.3, 0.01, 10, speaker.now)
    heard = speaker.playout.heard(speaker.now)
    assert heard is not None
    assert heard.seconds == pytest.approx(1.0 - 0.15 - 0.07 - 5 * 0.01, abs=0.006)


def test_what_the_receiver_says_it_never_got_is_not_heard() -> None:
    """50 packets behind on a way of 100 ms: the position stands where the way broke, until a report says otherwise."""
    speaker = Speaker()
    speaker.say(5.0)
    speaker.run_for(2.0)
    speaker.playout.note_report(0.1, 0.0, 50, speaker.now)
    speaker.run_for(1.0)
    heard = speaker.playout.heard(speaker.now)
    assert heard is not None
    assert heard.seconds == pytest.approx(1.0, abs=0.006)
    speaker.playout.note_report(0.1, 0.0, 3, speaker.now)
    heard = speaker.playout.heard(speaker.now)
    assert heard is not None
    assert heard.seconds == pytest.approx(3.0 - 0.05 - 0.07, abs=0.006)


def test_an_underrun_is_silence_and_told_once() -> None:
    speaker = Speaker()
    speaker.say(0.1)
    speaker.run_for(1.0)
    speaker.say(0.1)
    speaker.run_for(1.0)
    assert speaker.of(Starved) == [Starved("1")] * 2
    assert speaker.playout.underruns == 2
    assert [level > 7000 for level in speaker.loudness()] == ([True] * 5 + [False] * 5) * 2


def test_writing_ahead_never_starves() -> None:
    """A producer of random chunks, always a little ahead: no underrun, every sample once and in order."""
    source = random.Random(3)
    speaker = Speaker()
    ramp = [n % 8000 + 100 for n in range(8000 * 20)]
    at = 0
    while at < len(ramp):
        size = min(source.randint(1, 900), speaker.playout.room, len(ramp) - at)
        speaker.playout.write(array("h", ramp[at : at + size]).tobytes(), speaker.now)
        at += size
        if speaker.playout.queued > 0.2:
            speaker.run_for(0.1)
    speaker.playout.end_segment(speaker.now)
    speaker.run_for(30.0)
    assert speaker.of(Starved) == []
    heard = b"".join(decode_g711("pcmu", frame.payload) for _, frame in speaker.sent[:-5])
    assert all(abs(a - b) < 300 for a, b in zip(array("h", heard), ramp, strict=False))
    assert len(heard) // 2 == len(ramp)


def test_the_queue_is_bounded() -> None:
    speaker = Speaker(PlayoutSettings(capacity=1.0))
    speaker.say(1.0)
    assert speaker.playout.room == 0
    with pytest.raises(UsageError):
        speaker.say(0.001)
    with pytest.raises(UsageError):
        speaker.playout.write(b"x", speaker.now)
    speaker.run_for(0.1)
    assert speaker.playout.room > 0


def test_continuous_silence_is_sent_from_the_beginning() -> None:
    speaker = Speaker(PlayoutSettings(silence=SilencePolicy.CONTINUOUS))
    speaker.playout.start(speaker.now)
    speaker.run_for(1.0)
    speaker.say(0.1)
    speaker.run_for(1.0)
    assert 99 <= len(speaker.sent) <= 101
    assert {frame.gap for _, frame in speaker.sent} == {0}
    assert sum(frame.has_marker for _, frame in speaker.sent) == 1


def test_discontinuous_transmission_sends_little_and_keeps_the_timestamps() -> None:
    """F19, F20: 10 s of silence after speech; the gaps account for every frame that was not sent."""
    encoder = OpusFrameEncoder(OPUS, 24_000, has_dtx=True)
    playout = Playout(encoder, PlayoutSettings(silence=SilencePolicy.DTX))
    source = random.Random(2)
    playout.write(array("h", (source.randint(-9000, 9000) for _ in range(12_000))).tobytes(), 0.0)
    playout.end_segment(0.0)
    sent = []
    while (timer := playout.next_timer()) is not None and timer < 10.5:
        playout.handle_timer(timer)
        sent += [(timer, frame) for frame in playout.frames_to_send()]
    assert 25 + 10 <= len(sent) <= 25 + 80
    timestamp = 0
    for at, frame in sent:
        timestamp += frame.gap
        assert timestamp / 48_000 == pytest.approx(at, abs=0.021)
        timestamp += frame.duration


def test_a_driver_that_comes_late_catches_up_or_pauses() -> None:
    """60 ms late: three packets at once, timestamps contiguous. A second late: a pause, and no burst."""
    for late, packets in ((0.06, 4), (1.0, 1)):
        speaker = Speaker()
        speaker.say(3.0)
        speaker.run_for(0.1)
        before = len(speaker.sent)
        speaker.now += late
        speaker.playout.handle_timer(speaker.now)
        speaker.drain()
        frames = [frame for _, frame in speaker.sent[before:]]
        assert abs(len(frames) - packets) <= 1
        assert bool(frames[0].gap) == (late == 1.0)


def test_frames_may_be_encoded_elsewhere() -> None:
    """The next frame is submitted as soon as the one before it has left, and waited for when it is due."""
    submitted: list[EncodeJob] = []

    def submit(job: EncodeJob) -> Callable[[], None]:
        submitted.append(job)
        return job.run

    playout = Playout(OpusFrameEncoder(OPUS, 24_000), submit=submit)
    playout.write(bytes(4800), START)
    playout.handle_timer(START)
    assert len(submitted) == 2
    assert [job.payload is None for job in submitted] == [False, True]
    playout.handle_timer(START + 0.02)
    assert [job.payload is None for job in submitted] == [False, False, True]
    assert len(playout.frames_to_send()) == 2


@pytest.mark.parametrize(
    "wrong",
    [{"capacity": 0.0}, {"capacity": 601.0}, {"hangover": -1.0}, {"fade": 0.0}, {"fade": 0.02}, {"grid": 0.02}],
    ids=str,
)
def test_impossible_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        PlayoutSettings(**wrong)  # type: ignore[arg-type]
