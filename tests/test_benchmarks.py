"""The benchmarks run and judge rightly. No figure is asserted here."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tools import require

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"

OURS_IMPORTED = (
    "import ghcr_client",
    "from ghcr_client import GhcrClient",
    "from ghcr_client import GhcrClient, GhcrConfig",
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks read /proc")


@pytest.fixture
def load(monkeypatch):
    """Import one of the harness's modules, which find each other because `run` lies beside them."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(BENCHMARKS)):
            del sys.modules[name]


def test_a_tiny_round_prints_a_table(tmp_path):
    """A round of a cheap row runs, and prints facts, figures and verdicts."""
    told, written = tmp_path / "values.json", tmp_path / "table.md"
    command = [sys.executable, BENCHMARKS / "run", "--quick", "--quiet", "--starts", "3"]
    done = subprocess.run(
        [*command, "--only", "inprocess", "--json", told, "--markdown", written],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "kernel: " in done.stdout
    assert "bare aiohttp" in done.stdout
    assert "at most 1.5" in done.stdout
    values = json.loads(told.read_text())
    assert values["rows"]["inprocess"]["failed"] == {}
    assert [len(one["ms"]) for one in values["rows"]["inprocess"]["values"].values()] == [3, 3]
    assert "| in-process: times a bare server's | at most 1.5 |" in written.read_text()


def test_a_requirement_is_met_by_the_median_of_every_subject(load):
    """One of ours that misses makes the requirement missed; a goal is judged beside it."""
    judge, samples = load("judging").judge, load("measure").Samples()
    upload = next(one for one in load("targets").REQUIREMENTS if one.metric == "up_mbps")
    for fast, slow in ((900, 300), (800, 310), (100, 290)):
        samples.add("ghcr", up_mbps=fast)
        samples.add("crane", up_mbps=slow)
        samples.add("olareg", up_mbps=1)
    verdict = judge(upload, samples)
    assert (verdict.partner, verdict.met, verdict.goal_met) == ("crane", True, True)
    assert verdict.measured == {"ghcr": pytest.approx(800 / 310)}
    samples.add("oci", up_mbps=310)
    verdict = judge(upload, samples)
    assert (verdict.met, verdict.missed) == (False, ("oci",))


def test_what_cannot_be_compared_is_neither_met_nor_missed(load):
    """A missing peer leaves the requirement open; one of ours that failed its row misses it."""
    judge, samples = load("judging").judge, load("measure").Samples()
    ratio = next(
        one for one in load("targets").REQUIREMENTS if one.row == "images" and one.against == ("crane",)
    )
    samples.add("ghcr", total_s=1.0)
    assert judge(ratio, samples).met is None
    samples.fail("ghcr", "PUT of a manifest: 500")
    assert judge(ratio, samples).met is False


def test_rounds_measure_everybody_in_changing_order(load):
    """Each round has every subject once; the order differs from round to round, and not from run to run."""
    taken = list(load("rounds").interleaved("ABCDEF", 4))
    orders = ["".join(name for number, name in taken if number == one) for one in range(4)]
    assert {"".join(sorted(order)) for order in orders} == {"ABCDEF"}
    assert len(set(orders)) == 4
    assert taken == list(load("rounds").interleaved("ABCDEF", 4))


def test_cpu_time_is_read_from_the_whole_tree(load):
    """A child's work counts for its parent, while it lives and after."""
    measure = load("measure")
    work = "import time\nwhile time.process_time() < 0.1: pass\nprint(flush=True)\ninput()"
    before = measure.cpu_seconds(os.getpid())
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", work], stdin=pipe, stdout=pipe) as child:
        child.stdout.readline()
        assert child.pid in measure.tree(os.getpid())
        assert measure.cpu_seconds(child.pid) >= 0.09
        measure.reset_peak(child.pid)
        assert measure.peak_rss(child.pid) >= measure.rss(child.pid) > 0
        child.communicate(b"\n", timeout=30)
    # Ticks are hundredths of a second, and their difference is not exact in floats.
    assert round(measure.cpu_seconds(os.getpid()) - before, 2) >= 0.09


def test_a_manifest_has_the_size_that_was_asked_for(load):
    """1 KiB is 1,024 bytes, and no two images are alike."""
    image = load("requesting").image
    assert len(image("one", 1024).manifest) == 1024
    assert not set(image("one").digests) & set(image("two").digests)


def test_the_clients_benchmark_prints_a_table(tmp_path):
    """A round of its cheapest row runs, and prints facts, figures and verdicts."""
    told, written = tmp_path / "values.json", tmp_path / "table.md"
    command = [sys.executable, BENCHMARKS / "client", "--quick", "--quiet", "--starts", "2"]
    done = subprocess.run(
        [*command, "--only", "import", "--json", told, "--markdown", written],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "kernel: " in done.stdout
    assert "at most 1.6" in done.stdout
    values = json.loads(told.read_text())["rows"]["import"]
    assert values["failed"] == {}
    assert {name: len(one["ms"]) for name, one in values["values"].items()} == dict.fromkeys(
        ["import aiohttp", *OURS_IMPORTED], 2
    )
    assert "| times `import aiohttp` | at most 1.6 |" in written.read_text()


def test_the_cassettes_benchmark_prints_a_table(tmp_path):
    """A round of its cheapest row runs: bodies that are not there keep nobody waiting."""
    told, written = tmp_path / "values.json", tmp_path / "table.md"
    command = [sys.executable, BENCHMARKS / "cassettes", "--quick", "--quiet"]
    done = subprocess.run(
        [*command, "--only", "load", "--json", told, "--markdown", written],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    values = json.loads(told.read_text())["rows"]["load"]
    assert values["failed"] == {}
    assert set(values["values"]) == {"ghcr-sim, load", "ghcr-sim, load, one body there"}
    assert "| 10,000 exchanges: ms to load | under 500 |" in written.read_text()


@pytest.mark.parametrize("module", ["targets", "clienttargets", "cassettetargets", "plugintargets"])
def test_every_requirement_is_on_something_that_is_measured(load, module):
    """A requirement's row and metric exist; who is compared in the client's rows stands in its tables' order."""
    table = load(module)
    metrics = {row.name: row.metrics for row in table.ROWS}
    for one in table.REQUIREMENTS:
        assert one.metric in metrics[one.row], one.text
        assert one.subjects, one.text
        if module != "targets":
            assert set(one.subjects) | set(one.against) <= set(table.ORDER), one.text


@pytest.mark.clients
def test_the_client_and_curl_move_a_blob(tmp_path):
    """Both ways, by the client and by a program that is everywhere, and nobody fails who is installed."""
    require("docker-registry")
    require("crane")
    require("curl")
    told = tmp_path / "values.json"
    command = [
        sys.executable,
        BENCHMARKS / "client",
        "--quick",
        "--quiet",
        "--blob-mib",
        "2",
        "--images",
        "2",
    ]
    done = subprocess.run(
        [
            *command,
            "--only",
            "pull",
            "--only",
            "pull-tls",
            "--only",
            "push",
            "--only",
            "images",
            "--json",
            told,
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(told.read_text())["rows"]
    for row in rows.values():
        assert [why for why in row["failed"].values() if not why.endswith("is not installed")] == []
    assert rows["pull"]["values"]["ghcr_client pull_image"]["op_mbps"][0] > 0
    assert rows["push"]["values"]["curl"]["peak_mib"][0] > 0


def test_what_a_program_takes_is_measured(load, tmp_path):
    """Seconds, CPU time and the most memory are those of the program; one that fails says why."""
    processes = load("processes")
    env = processes.environment(tmp_path)
    code = "import time\nheld = bytes(40 << 20).replace(b'\\0', b'x')\ntime.sleep(0.2)\nprint(len(held))"
    used = processes.run([sys.executable, "-c", code], env)
    assert used.said.strip() == str(40 << 20)
    assert used.seconds >= 0.2
    assert used.peak_mib >= 40
    with pytest.raises(load("measure").Failed, match="ended with 1: no good"):
        processes.run([sys.executable, "-c", "raise SystemExit('no good')"], env)
