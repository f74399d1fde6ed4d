"""What a submission may do while it runs: each accident costs its question, and no promise more."""

import contextlib
import json
import os
import re
import subprocess
import sys
import time

import psutil
import pytest
from conftest import filled, solutions
from grading import runs, sandbox
from grading.collect import Handed
from grading.result import Limits, grade
from grading.runs import Runs
from grading.sandbox import Child, Container, Failed

LIMITS = Limits(seconds=4, memory=3000)
FEW = Limits(seconds=2, memory=3000)
THREAD = (
    "import os, psutil, threading, time\nthreading.Thread(target=lambda: [{}], daemon=True).start()"
)
# When its process has handed on to another, and waits for that one.
LATER = "next(c for c in iter(psutil.Process().children, 0) if c or time.sleep(0.05))"
ALARM = "import signal, time\nsignal.alarm(1)\ndue = time.monotonic() + 1"
FOREVER = "def {}(*_):\n    while True:\n        pass"
STUBBORN = """
def {}(*_):
    while True:
        try:
            int('x')
        except:
            pass
"""
DEAF = """
import signal
signal.setitimer(signal.ITIMER_REAL, 0)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    pass
"""


def graded(assignment, path, notebook, limits=LIMITS, box=None):
    """Grade one notebook."""
    import nbformat

    if not isinstance(notebook, bytes):
        notebook = nbformat.writes(notebook).encode()
    path.write_bytes(notebook)
    return grade(Handed(path, path.name), assignment, limits, Runs(box or Child()), {})


@pytest.fixture(scope="session")
def right(linear):
    return solutions(linear)


SOLVED = "<the reference answer>\n{}"
# Notebooks of accidents: what stands in the place of each answer, whether it costs the question,
# and what is said of it. Each notebook holds several, next to questions that must keep their
# points: what reaches another question is seen there.
ACCIDENTS = {
    "leaving": {
        "q1": ("raise KeyboardInterrupt", True, "q1: stopped with an error"),
        "q2": ("import sys\nsys.exit()", True, "q2: left by exit()"),
        "q3": ("def certificate(w, Z)", True, "q3: a syntax error"),
        "q5": ("def faster(Z, n):\n    exit()", True, ""),
        "q6": ("input('?')", True, "EOFError"),
    },
    "dying": {
        "q1": ("def risk(w, Z):\n    raise KeyboardInterrupt", True, ""),
        "q2": ("import os\ndef largest_step(Z):\n    os._exit(0)", True, ""),
        "q3": ("import os\nos.kill(os.getpid(), 9)", True, "died (exit code -9)"),
        "q4": ("import os\nos._exit(1)", True, "died (exit code 1)"),
        "q6": ("import ctypes\nctypes.string_at(0)", True, "q6: its process died (exit code -11)"),
    },
    "without an end": {
        "q3": (FOREVER.format("certificate"), True, ""),
        "q5": (STUBBORN.format("faster"), True, ""),
        "q6": (DEAF, True, "q6: stopped after 2 s of a core"),
    },
    "waiting": {
        "q1": (
            "import time\ntime.sleep(10**6)",
            True,
            "q1: stopped after 6 s in which it only waited",
        ),
        "q6": (
            "import os\nos.kill(os.getpid(), 19)",
            True,
            "q6: stopped after 6 s in which it only",
        ),
    },
    "too much": {
        "q2": ("largest_step = np.ones(10**12)", True, "q2: needs more memory than the 3000 MB"),
        "q3": ("r = []\nwhile True:\n    r.append(np.ones(10**7))", True, "3000 MB allowed"),
        "q5": ("def faster(Z, n):\n    return faster(Z, n)", True, ""),
        "q6": ("for _ in range(10**5):\n    print('x' * 1000)", True, ""),
        "q7": ("raise ValueError('x' * 10**8)", True, "q7: stopped with an error (ValueError"),
    },
    "names and files": {
        "q2": ("signal = _clock = _stop = check = json = os = None\n%reset -f", True, ""),
        "q3": ("import os\nos.closerange(3, 256)", True, ""),
        "q5": (
            "class E(Exception):\n    def __str__(s):\n        raise s\nraise E",
            True,
            "cannot say",
        ),
        "q6": ("get_ipython().reset()\nget_ipython().run_cell = None", True, ""),
        "q7": ("import os\ncontrol = os.fork() and None", True, ""),
    },
    "signals to others": {
        "q1": (SOLVED.format("import os\nos.kill(os.getppid(), 9)"), False, ""),
        "q3": ("import os\nos.kill(0, 9)", True, "q3: its process died (exit code -9)"),
        "q5": ("import os\nos.kill(0, 15)", True, "q5: its process died (exit code -15)"),
    },
    "left behind: an alarm, threads that end the process or burn": {
        "q1": (SOLVED.format(ALARM), False, ""),
        "q2": (SOLVED.format(THREAD.format(f"{LATER}, os._exit(1)")), False, ""),
        "q7": (SOLVED.format("while time.monotonic() < due:\n    time.sleep(0.05)"), False, ""),
        "q3": (SOLVED.format(THREAD.format("exec('while True: pass')")), False, ""),
        "q4": (SOLVED.format("import atexit, time\natexit.register(time.sleep, 10**6)"), False, ""),
    },
    "left behind: settings of the process": {
        "q1": (SOLVED.format("np.seterr(all='raise')"), False, ""),
        "q2": (
            SOLVED.format("import os, warnings\nwarnings.simplefilter('error')\nos.chdir('/')"),
            False,
            "",
        ),
        "q3": (SOLVED.format("import sys\nsys.stdout = sys.stderr = None"), False, ""),
        "q4": (SOLVED.format("import sys\nsys.setrecursionlimit(90)"), False, ""),
        "q5": (SOLVED.format("import os\nos.environ.clear()"), False, ""),
    },
    "functions that others need": {
        "q1": (SOLVED.format("import builtins\nbuiltins.abs = builtins.exec = None"), False, "abs"),
        "q2": (
            "np.isclose = np.allclose = lambda *a, **k: True\nlargest_step = len",
            True,
            "numpy.isclose",
        ),
        "q3": (
            "def certificate(w, Z):\n    np.isclose = lambda *a, **k: True\n    return 0, 9",
            True,
            "",
        ),
        "q4": (
            SOLVED.format("optima.max_margin = None"),
            False,
            "it replaced ibias.optima.max_margin",
        ),
        "q5": (
            "coursework.array = lambda *a: faster(0, 0)\nfaster = np.zeros",
            True,
            "coursework.array",
        ),
        "q6": (SOLVED.format("import builtins\nbuiltins.__import__ = None"), False, "__import__"),
    },
    "functions and classes that are changed in place": {
        "q1": (
            "for f in (np.isclose, np.allclose):\n"
            "    f._implementation.__code__ = (lambda *a, **k: True).__code__\n"
            "def risk(w, Z):\n    return 0.0\ndef gradient(w, Z):\n    return 0 * w",
            True,
            "it replaced numpy._core.numeric.allclose, numpy._core.numeric.isclose",
        ),
        "q2": (
            "coursework.number.__code__ = (lambda value, name: 1.0).__code__\nlargest_step = len",
            True,
            "it replaced ibias.coursework.number",
        ),
        "q3": (
            SOLVED.format(
                "optima.max_margin.__wrapped__.__kwdefaults__.clear()\nlosses.FAR = np.pi = 3"
            ),
            False,
            "ibias.optima.margin.max_margin",
        ),
        "q4": (
            SOLVED.format("datasets.Dataset.n_features = property(lambda s: 2)"),
            False,
            "ibias.datasets.classification.Dataset.n_features",
        ),
        "q5": (
            SOLVED.format("import sys\nsys.modules['ibias.optima'] = sys.modules['numpy'] = None"),
            False,
            "ibias.optima",
        ),
    },
    "what reads and runs the cells": {
        "q1": (SOLVED.format("type(get_ipython()).run_cell = None"), False, ""),
        "q2": (
            SOLVED.format("get_ipython().input_transformers_cleanup.append(lambda lines: [])"),
            False,
            "",
        ),
        "q3": (SOLVED.format("__builtins__ = {}"), False, ""),
        "q4": (SOLVED.format("import inspect\ninspect.__dict__.clear()"), False, "inspect."),
    },
}


@pytest.mark.parametrize("case", ACCIDENTS)
def test_an_accident_costs_its_question(case, linear, right, tmp_path):
    answers = {
        q: code.replace("<the reference answer>", right[q])
        for q, (code, *_) in ACCIDENTS[case].items()
    }
    got = graded(linear, tmp_path / "a.ipynb", filled(linear, right | answers), FEW)
    lost = {q for q, (_, costs, _) in ACCIDENTS[case].items() if costs}
    assert {q for q, points in got.questions.items() if not points} == lost, got
    assert got.score == sum(q.points for q in linear.graded if q.name not in lost)
    said = [words for *_, words in ACCIDENTS[case].values()]
    assert not [words for words in said if words not in "; ".join(got.notes)], got.notes
    assert got.counts


def test_an_alarm_left_behind_is_off():
    """Before it is due: what it would do later is not waited for."""
    code = f"import sys\nsys.path.insert(0, {str(sandbox.PROGRAM[0].parent)!r})\n"
    code += "import signal\nfrom originals import Originals\nnoted = Originals()\n"
    code += "for timer in noted.timers:\n    signal.setitimer(timer, 1000)\nnoted.put_back()\n"
    code += "print(*(signal.getitimer(timer)[0] for timer in noted.timers))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["0.0", "0.0", "0.0"], done.stderr


def test_a_flood_without_an_end_of_line_drowns_no_report(linear, right, tmp_path):
    flood = "import os\nfor end in range(3, 64):\n    try:\n        for _ in range(40):\n"
    flood += "            os.write(end, b'x' * 10**6)\n    except OSError:\n        pass"
    got = graded(linear, tmp_path / "a.ipynb", filled(linear, right | {"q2": flood}))
    assert got.score == 19 and got.status == "suspicious"


def test_a_process_that_is_not_its_own_is_not_ended(monkeypatch):
    """Whatever a report calls the process that is due: the grader itself, say."""
    monkeypatch.syspath_prepend(str(sandbox.PROGRAM[0].parent))
    import watcher

    assert watcher.family(os.getppid()) == watcher.family(1) == watcher.family("1") == []
    assert not watcher.is_there(os.getppid())
    assert watcher.family(os.getpid())[0].pid == os.getpid()


LATE = """import sys, time
sys.path.insert(0, {folder!r})
import watcher
reaped = watcher.reaped
watcher.reaped = lambda: (time.sleep(0.3), reaped())[1]
watcher.main()
"""


def test_who_goes_on_may_be_heard_late(linear, right, tmp_path, monkeypatch):
    """The worker is ended by what it started, and that is known before what it said is read."""
    late = tmp_path / "late.py"
    late.write_text(LATE.format(folder=str(sandbox.PROGRAM[0].parent)))
    monkeypatch.setattr(sandbox, "PROGRAM", [late, *sandbox.PROGRAM[1:]])
    ends = "import os\nos.kill(os.getppid(), 9)"
    answers = {
        question: SOLVED.format(ends).replace("<the reference answer>", right[question])
        for question in ("q1", "q3", "q6")
    }
    got = graded(linear, tmp_path / "a.ipynb", filled(linear, right | answers))
    assert (got.status, got.score) == ("graded", 22), got.notes


# A cell that installs a package, as people write for Colab.
INSTALLS = (
    "import subprocess, sys\ndone = subprocess.run([sys.executable, '-m', 'pip', 'list'])\n"
    "!pip install numpy==0\nassert done.returncode\n"
)
# What a notebook may hold besides Python.
MAGICS = (
    "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\n"
    "!true\n%timeit -n1 -r1 1 + 1\nimport asyncio\nawait asyncio.sleep(0.01)\ndisplay(3)\n"
)
MARK = str(10**6 + os.getpid())
STARTED = f"setsid sleep {MARK} & sleep {MARK} &"
STARTS = f"import subprocess\nsubprocess.Popen(['sh', '-c', {STARTED!r}])\n"


@pytest.fixture(scope="module")
def harmless(linear, right, tmp_path_factory):
    """One notebook of right answers, three of which do more; none costs a point, or a word."""
    more = {"q2": INSTALLS, "q4": MAGICS, "q7": STARTS}
    answers = right | {question: code + right[question] for question, code in more.items()}
    return graded(linear, tmp_path_factory.mktemp("runs") / "a.ipynb", filled(linear, answers))


def test_nothing_is_installed_while_grading(harmless):
    """It does nothing, and says why."""
    assert (harmless.status, harmless.score) == ("graded", 22), harmless.notes


def test_what_it_started_ends_with_it(harmless):
    """Also a process that left its session, and the parent of which is gone."""
    assert harmless.score == 22
    if sys.platform == "linux":
        running = [p.info["cmdline"] or [] for p in psutil.process_iter(["cmdline"])]
        assert not [line for line in running if MARK in line]


def test_magics_figures_and_await_work(harmless):
    assert (harmless.status, harmless.score, harmless.notes) == ("graded", 22, [])


def test_many_processes_are_ended(linear, right, tmp_path):
    forks = "import subprocess\nfor _ in range(300):\n    subprocess.Popen(['sleep', '1000'])\n"
    forks += "import time\ntime.sleep(10**6)"
    got = graded(linear, tmp_path / "a.ipynb", filled(linear, right | {"q6": forks}))
    assert got.score == 19 and "processes" in "; ".join(got.notes)


def test_memory_counts_for_all_processes_together(linear, right, tmp_path):
    """Four children, none of them over the limit alone."""
    hungry = (
        "import os, time\nfor _ in range(4):\n    if not os.fork():\n"
        "        rows = np.ones(60 * 10**6)\n        time.sleep(1000)\ntime.sleep(1000)"
    )
    limits = Limits(seconds=20, memory=1200)
    got = graded(linear, tmp_path / "a.ipynb", filled(linear, right | {"q6": hungry}), limits)
    assert got.score == 19 and "more than 1200 MB" in "; ".join(got.notes)


@pytest.mark.parametrize(
    "code",
    [
        "import sys\nsys._getframe(1).f_locals",
        "import gc\ngc.get_objects()",
        "open('/proc/1/environ')",
    ],
)
def test_what_looks_into_the_grader_is_named(code, linear, right):
    """For a person to read; and what an answer needs is not."""
    import nbformat
    from grading.submission import understood

    notebook = nbformat.writes(filled(linear, right | {"q2": f"{code}\n{right['q2']}"})).encode()
    (note,) = understood(notebook, linear).notes
    assert note.startswith("read this notebook: it uses")
    assert understood(nbformat.writes(filled(linear, right)).encode(), linear).notes == []


FORGED = """
import gc, json, os
for report in [o for o in gc.get_objects() if type(o).__name__ == "Reports"]:
    for number in range(200):
        report(task=number, passed=True, message="")
        report(task=number, died=0)
    report(end=True)
"""


def test_reports_of_its_own_are_noticed(linear, tmp_path):
    """A submission that says it has passed: what is not due does not count, and is noted."""
    got = graded(linear, tmp_path / "a.ipynb", filled(linear, {"q1": FORGED}))
    assert got.score <= 22
    assert got.status == "suspicious" and not got.counts
    assert "reports of its own" in "; ".join(got.notes)


LINES = [
    b'{"task": 3, "passed": true}\n{"questions": {"q1": 7000}, "score": 7000}\n{"end": true}\n',
    b'{"task": "3", "passed": 7000}\n{"task": -1}\n{"task": true}\n[1]\n{"end": true}\n',
    b"\xff\xfe\n" * 10,
    b'{"task": 1, "error": ["a", "b"]}\n' * 1000,
]


@pytest.mark.parametrize("lines", LINES)
def test_what_comes_back_is_held_against_the_points_there_are(lines, linear, right, tmp_path):
    """Whatever a sandbox says, no question gets more than it has."""
    program = tmp_path / "says.py"
    program.write_text(f"import sys\nsys.stdin.read()\nsys.stdout.buffer.write({lines!r})")

    class Says(Child):
        def command(self, memory, seconds):
            return [sys.executable, str(program)], ""

    got = graded(linear, tmp_path / "a.ipynb", filled(linear, right), box=Says())
    assert got.score == 0 and all(points == 0 for points in got.questions.values())
    assert got.notes


LINGERS = """
import subprocess, sys
sys.stdin.read()
left = subprocess.Popen(["sleep", "1000"], start_new_session=True)
open({left!r}, "w").write(str(left.pid))
"""


@pytest.mark.parametrize("whole", [True, False], ids=["with its end", "without"])
def test_what_outlives_the_engine_s_client_is_not_waited_for(
    whole, linear, right, tmp_path, monkeypatch
):
    """It holds the pipes. The container is removed; if that does not help, it is said."""
    program, left, removed = tmp_path / "client.py", tmp_path / "left", []
    end = "print('{\"end\": true}', flush=True)" if whole else ""
    program.write_text(LINGERS.format(left=str(left)) + end)
    monkeypatch.setattr(runs, "DRAIN", 0.2)

    class Lingers(Child):
        def command(self, memory, seconds):
            return [sys.executable, str(program)], "its name"

        def end(self, name):
            removed.append(name)

    got = graded(linear, tmp_path / "a.ipynb", filled(linear, right), box=Lingers())
    psutil.Process(int(left.read_text())).kill()
    assert removed == ["its name"] and got.score == 0
    said = "something that it started holds its output; what came before counts"
    assert got.status == ("graded" if whole else "crash")
    assert any(said in note for note in got.notes) != whole


def test_a_client_that_does_not_answer_is_ended(linear, right, tmp_path):
    """After a time that comes from the seconds of a question. It does not even read its job."""
    program = tmp_path / "client.py"
    program.write_text("import signal, time\nwhile True:\n    time.sleep(1)")

    class Mute(Child):
        def command(self, memory, seconds):
            return [sys.executable, str(program)], ""

    notebook = filled(linear, right | {"q7": f"text = {'x' * 150_000!r}"})
    limits = Limits(seconds=0.02, memory=3000)
    got = graded(linear, tmp_path / "a.ipynb", notebook, limits, box=Mute())
    assert got.status == "crash" and got.score == 0
    assert got.notes[-1].startswith("no end after 3.2 s, 20 times the seconds of all its questions")


def test_a_large_file_is_refused_unread(linear, tmp_path, monkeypatch):
    path = tmp_path / "a.ipynb"
    with path.open("wb") as file:
        file.truncate(60_000_000)
    monkeypatch.setattr("pathlib.Path.read_bytes", lambda self: pytest.fail("it was read"))
    got = grade(Handed(path, path.name), linear_with(linear), LIMITS, Runs(Child()), {})
    assert got.status == "too large" and "50 MB" not in got.file
    assert "60 MB; 50 are allowed" in got.notes[0]


def linear_with(assignment):
    """The same assignment, whose stamp is known already."""

    class Known(type(assignment)):
        stamp = "x"

    return Known(assignment.name, assignment.root)


# ---- containers, with a stand-in for the engine ------------------------------------------------

ENGINE = """#!{python}
import os, sys
with open({log!r}, "a") as log:
    print(*sys.argv[1:], file=log)
if sys.argv[1] == "ps":
    sys.exit({answers})
if sys.argv[1] == "run":
    os.execv({python!r}, [{python!r}, {watcher!r}])
if sys.argv[1:3] == ["image", "inspect"]:
    sys.exit({there})
if sys.argv[1] == "build":
    with open({log!r}, "a") as log:
        print("context", *sorted(os.listdir(sys.argv[-1])), file=log)
    print("no network", file=sys.stderr)
    sys.exit({built})
"""


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """Return a function that puts a stand-in named docker on the path."""

    def put(answers=0, there=0, built=0, name="docker"):
        values = {"python": sys.executable, "log": str(tmp_path / "log"), "answers": answers}
        values |= {"there": there, "built": built, "watcher": str(sandbox.PROGRAM[0])}
        (tmp_path / "bin").mkdir(exist_ok=True)
        path = tmp_path / "bin" / name
        path.write_text(ENGINE.format(**values))
        path.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))
        return path, tmp_path / "log"

    return put


def test_a_container_is_the_default_where_an_engine_answers(engine, linear, right, tmp_path):
    path, log = engine()
    box = sandbox.choose()
    assert isinstance(box, Container) and box.engine == str(path)
    got = graded(linear, tmp_path / "a.ipynb", filled(linear, right), box=box)
    assert (got.status, got.score) == ("graded", 22)
    (run,) = [line.split() for line in log.read_text().splitlines() if line.startswith("run")]
    wanted = "--rm --network=none --read-only --cap-drop=ALL --memory=3000m --memory-swap=3000m"
    wanted += " --ulimit=cpu=128 --tmpfs=/tmp:size=256m --cpus=1"
    wanted += " --pids-limit=256 --user=65534:65534 --security-opt=no-new-privileges"
    assert set(wanted.split()) <= set(run)
    assert not [
        word for word in run if word.startswith(("-v", "--volume", "--mount", "--privileged"))
    ]


def test_podman_is_taken_where_docker_does_not_answer(engine):
    engine(answers=1)
    path, _ = engine(name="podman")
    assert sandbox.choose().engine == str(path) and sandbox.choose().name == "containers of podman"


def test_a_container_that_is_stopped_is_removed(engine, tmp_path):
    """The client alone may end and leave it running."""
    import threading

    _, log = engine()
    runs = Runs(sandbox.choose())
    endless = {"kind": "cell", "question": "q1", "source": "while True:\n    pass"}
    job = {"tasks": [endless], "answers": [], "seconds": 1000, "memory": 3000}

    def run():
        with contextlib.suppress(KeyboardInterrupt):
            runs.run(job, 1)

    thread = threading.Thread(target=run)
    thread.start()
    while "run --rm" not in log.read_text():
        time.sleep(0.05)
    runs.stop()
    thread.join()
    lines = log.read_text().splitlines()
    (name,) = [w for line in lines for w in line.split() if w.startswith("--name=")]
    assert f"rm --force {name.removeprefix('--name=')}" in lines


def test_an_engine_that_does_not_answer_is_none(engine):
    engine(answers=1)
    assert isinstance(sandbox.choose(), Child)
    with pytest.raises(Failed, match="no container engine answers: start docker or podman"):
        sandbox.choose("container")


def test_an_image_is_made_once_and_a_failure_is_said(engine):
    _, log = engine(there=1, built=1)
    with pytest.raises(Failed, match="makes no image"):
        sandbox.choose()
    lines = [line.split() for line in log.read_text().splitlines()]
    assert [line[0] for line in lines] == ["ps", "image", "build", "context"]
    assert set(lines[-1]) == {"context", "Dockerfile", "ibias", "requirements.txt", *sandbox.PARTS}
    imported = {path.stem for path in sandbox.PROGRAM}
    for path in sandbox.PROGRAM:  # what these need of each other is all there
        own = re.findall(r"(?m)^from (\w+) import", path.read_text())
        beside = {p.stem for p in path.parent.glob("*.py")}
        assert set(own) & beside <= imported


def test_nothing_is_known_of_the_parent_s_environment_but_what_it_needs(
    linear, tmp_path, monkeypatch
):
    monkeypatch.setenv("A_TOKEN", "secret")
    code = "import os\nraise RuntimeError(str(sorted(os.environ)))"
    got = graded(linear, tmp_path / "a.ipynb", filled(linear, {"q1": code}))
    assert "A_TOKEN" not in str(got.notes) and "PATH" in str(got.notes)


def running(family):
    """Those that still run after a while. What has ended may wait for a parent to notice."""
    _, left = psutil.wait_procs(family, timeout=1)
    patience = time.monotonic() + 30
    while left and time.monotonic() < patience:
        left = [process for process in left if alive(process)]
        time.sleep(0.05)
    return left


def alive(process):
    """Whether it has not ended yet."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_runs_can_be_stopped(linear, right, tmp_path):
    """All at once, and what they started with them."""
    import threading

    runs, ended = Runs(Child()), []
    job = {
        "tasks": [{"kind": "cell", "question": "q1", "source": "while True:\n    pass"}],
        "answers": [],
        "seconds": 1000,
        "memory": 3000,
    }

    def run():
        try:
            runs.run(job, 1)
        except KeyboardInterrupt:
            ended.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    while not (runs.now and psutil.Process(next(iter(runs.now)).pid).children(recursive=True)):
        time.sleep(0.05)
    watcher = psutil.Process(next(iter(runs.now)).pid)
    family = watcher.children(recursive=True)
    runs.stop()
    thread.join()
    assert ended and not watcher.is_running()
    assert not running(family)


def test_a_watcher_that_nobody_hears_leaves_nothing():
    """Who asked is gone: its words meet a broken pipe, and what burns a core must not go on."""
    burns = "import os, time\nif not os.fork():\n    while True:\n        pass\n"
    burns += "time.sleep(0.5)\nraise ValueError"
    cell = {"kind": "cell", "question": "q1", "source": burns}
    job = {"tasks": [cell, cell], "answers": [], "seconds": 100, "memory": 3000}
    watcher = subprocess.Popen(
        [sys.executable, str(sandbox.PROGRAM[0])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    watcher.stdout.close()
    watcher.stdin.write(json.dumps(job).encode())
    watcher.stdin.close()
    family, known = psutil.Process(watcher.pid), set()
    while watcher.poll() is None:
        with contextlib.suppress(psutil.Error):
            known |= set(family.children(recursive=True))
        time.sleep(0.01)
    assert known and not [p for p in known if p.is_running() and p.status() != "zombie"]


def test_a_watcher_that_is_told_to_end_takes_all_with_it():
    """Without the one that started it: a session that is closed, say."""
    job = '{"tasks": [{"kind": "cell", "question": "q", "source": "while True: pass"}],'
    job += '"answers": [], "seconds": 1000, "memory": 3000}'
    command = [sys.executable, str(sandbox.PROGRAM[0])]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    process.stdin.write(job)
    process.stdin.close()
    while not psutil.Process(process.pid).children(recursive=True):
        time.sleep(0.05)
    family = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    process.wait()
    assert not running(family)
