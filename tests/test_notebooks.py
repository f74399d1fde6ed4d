"""The notebooks in git follow the rules of the house, and the rules can fail."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from notebooks import BOOK, normalised, notebooks, problems
from running import execute

ALT = "Two curves cross near log t = 3, and the dashed one stays above after that."
FILE_NAME = "figures/the_margin_along_the_flow_and_its_limit.png"
TITLE = "Margin of gradient flow against the logarithm of time"
FIGURE = {"image": {"alt": ALT}, "figure": {"caption": "A caption.", "name": "fig-curves"}}


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: str(path.relative_to(BOOK)))
def test_the_rules_hold(path):
    assert problems(path) == []


def stream(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def figure_cell(mystnb):
    shown = new_output(
        "display_data",
        data={"text/plain": "<Figure size 640x380 with 1 Axes>", "image/png": "iVBORw0KGgo="},
    )
    return new_code_cell("draw()", outputs=[shown], execution_count=7, metadata={"mystnb": mystnb})


def written(tmp_path, *cells, normalise=True):
    notebook = new_notebook(cells=list(cells))
    path = tmp_path / "page.ipynb"
    path.write_text(normalised(notebook) if normalise else nbformat.writes(notebook))
    return path


def first_cell(source="import ibias", **changes):
    return new_code_cell(source, **({"outputs": [stream("1\n")], "execution_count": 1} | changes))


def test_a_page_that_keeps_the_rules(tmp_path):
    assert problems(written(tmp_path, first_cell(), figure_cell(FIGURE))) == []


def test_what_is_volatile_is_dropped():
    cell = figure_cell(FIGURE)
    cell.metadata["execution"] = {"iopub.status.busy": "2020-01-01"}
    cell.outputs = [stream("a\n"), *cell.outputs, stream("b\n")]
    notebook = new_notebook(cells=[cell], metadata={"widgets": {"state": {}}})
    text = normalised(notebook)
    assert "image/png" not in text and "iopub" not in text and "widgets" not in text
    kept = nbformat.reads(text, as_version=4).cells[1]
    assert kept.outputs[0].text == "a\nb\n"
    assert kept.metadata == {"mystnb": FIGURE}
    assert normalised(nbformat.reads(text, as_version=4)) == text


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (first_cell("x = 1\n" * 21), "21 lines of code"),
        (first_cell(execution_count=None, outputs=[]), "never executed"),
        (first_cell(outputs=[stream("careful\n", "stderr")]), "writes to stderr: 'careful'"),
        (
            first_cell(outputs=[new_output("error", ename="ValueError", evalue="", traceback=[])]),
            "stores an error, ValueError",
        ),
        (
            first_cell(outputs=[new_output("execute_result", data={"text/plain": "array([1.2])"})]),
            "echoes raw numbers",
        ),
        (first_cell("ax.plot(x);"), "ends in ';'"),
        (
            first_cell(outputs=[new_output("execute_result", data={"text/plain": "<A at 0x7f>"})]),
            "address of an object",
        ),
        (figure_cell({}), "figure without alt text"),
        (figure_cell({"image": {"alt": "The margin."}}), "says too little"),
        (figure_cell({"image": {"alt": FILE_NAME}}), "file name"),
        (figure_cell({"image": {"alt": TITLE}}), "like a title"),
        (figure_cell({"image": {"alt": ALT}}), "figure without a caption"),
        (figure_cell({"figure": {"caption": "A caption."}}), "figure without a name"),
        (new_markdown_cell("![](picture.png)"), "figure without alt text"),
        (new_markdown_cell("See {prf:ref}`ex-a-b`."), "exercises are linked by {ref}: ex-a-b"),
        (new_markdown_cell("```{prf:proof} in short\n:class: x\na\n```"), "text below them"),
        (new_markdown_cell('<img src="picture.png">'), "figure without alt text"),
    ],
)
def test_a_cell_that_breaks_a_rule_is_named(tmp_path, cell, message):
    found = problems(written(tmp_path, first_cell(), cell))
    assert any(problem.startswith("cell 3: ") and message in problem for problem in found), found


def test_stripped_outputs_are_refused(tmp_path):
    cell = first_cell(outputs=[])
    assert problems(written(tmp_path, cell)) == [
        "no stored outputs: a comparison would compare nothing"
    ]


def test_imports_stand_in_the_first_visible_cell(tmp_path):
    hidden = first_cell("import sys", metadata={"tags": ["remove-cell"]}, outputs=[])
    late = first_cell("%time\nimport numpy")
    assert problems(written(tmp_path, hidden, first_cell())) == []
    assert any("imports after" in p for p in problems(written(tmp_path, first_cell(), late)))


def test_the_first_cell_installs_the_package_in_colab(tmp_path):
    cells = nbformat.read(written(tmp_path, first_cell()), as_version=4).cells
    assert "google.colab" in cells[0].source and cells[0].metadata.tags == ["remove-cell"]
    assert [cell.execution_count for cell in cells] == [1, 2]
    assert len(nbformat.reads(normalised(new_notebook(cells=cells)), as_version=4).cells) == 2


def test_a_title_with_backticks_gets_a_fence_of_tildes(tmp_path):
    source = "```{prf:theorem} {cite:t}`x`\n:label: a\n$x$\n```\n\n```{note}\nSo.\n```"
    page = written(tmp_path, first_cell(), new_markdown_cell(source))
    assert nbformat.read(page, as_version=4).cells[2].source == (
        "~~~{prf:theorem} {cite:t}`x`\n:label: a\n$x$\n~~~\n\n```{note}\nSo.\n```"
    )


def test_a_notebook_saved_by_hand_is_refused(tmp_path):
    path = written(tmp_path, first_cell(execution_count=5), normalise=False)
    assert "not normalised: run `make notebooks`" in problems(path)


def test_execution_is_reproducible_to_the_byte(tmp_path):
    pytest.importorskip("nbclient")
    source = "import matplotlib.pyplot as plt\n\nprint('one'); plt.plot([1, 2]); print('two')"
    path = written(tmp_path, new_code_cell(source, metadata={"mystnb": FIGURE}))
    texts = []
    for _ in range(2):
        notebook, cost = execute(path)
        texts.append(normalised(notebook))
    assert texts[0] == texts[1]
    assert 10 < cost.memory < 1000 and cost.seconds > 0
    path.write_text(texts[0])
    assert "echoes" not in str(problems(path))
