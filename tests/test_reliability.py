"""The page of figures is written from what tests report."""

import reliability
from reliability import BEGIN, END, PAGE, Result, Suite

REPORT = """<testsuites><testsuite name="pytest" errors="1" failures="2" skipped="1" tests="10"
time="90.5"><testcase><properties><property name="tries" value="700"/><property name="memory"
value="2e8"/></properties></testcase><testcase><properties><property name="tries" value="300"/>
<property name="memory" value="1e8"/><property name="fault" value="0"/></properties></testcase>
</testsuite></testsuites>"""


def test_a_report_is_read(tmp_path):
    file = tmp_path / "report.xml"
    file.write_text(REPORT)
    result = reliability.read(file)
    assert result == Result(9, 3, 90.5, {"tries": 1000, "memory": 2e8, "fault": 0})
    assert reliability.counted(result) == "1,000 tries, 200 MB more memory at most"


def test_figures_stand_between_their_marks(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    result = Result(9, 3, 90.5, {"states": 41})
    block = reliability.figures([(Suite("kills", ("x",)), result)])
    reliability.write(page, block)
    written = page.read_text(encoding="utf-8")
    assert written.startswith(f"before\n{BEGIN}\n") and written.endswith(f"{END}\nafter\n")
    assert "| kills | 9 | 41 states | **3** | 1.5 |" in written and "old" not in written


def test_the_page_has_the_marks_and_the_suites_exist():
    text = PAGE.read_text(encoding="utf-8")
    assert text.count(BEGIN) == text.count(END) == 1
    paths = [path for suite in reliability.SUITES for path in suite.paths]
    assert all((reliability.ROOT / path).exists() for path in paths)
