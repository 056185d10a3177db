"""What only a browser can tell: policy, width, contrast, refreshing, keyboard."""

from urllib.parse import quote

import pytest

from paribus_service.orchestration.recorder import Chunk, StreamReport
from tests.browser.chromium import Chromium
from tests.factories import Lab
from tests.service.api.studies import loose_run
from tests.service.dashboard.site import factorial_config, history_lines

HOSTILE = "<script>window.hacked = true</script><img src=x onerror='window.hacked = true'>"
UNFOLD = "document.querySelectorAll('details').forEach((part) => { part.open = true; })"
OVERFLOWS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def seeded(lab: Lab) -> tuple[str, str]:
    """A sweep whose names are hostile, with a finished and a running trial; both ids."""
    sweep_id = lab.register(factorial_config(name=HOSTILE))
    agent = lab.agent(sweep_id, host=HOSTILE)
    first = lab.claim(agent)
    lab.start(first)
    lab.log(first, *history_lines(200))
    lab.finish(first, **{"holdout/loss": 0.25, HOSTILE: HOSTILE})
    lab.start(lab.claim(agent))
    return sweep_id, first


def confounded(lab: Lab) -> str:
    """Factors of hostile names that always changed together, and a third one of a long name."""
    long = "without_html_and_with_every_emoji_replaced_by_its_name_in_english_second_version"
    factors = {
        HOSTILE: {"baseline": 8, "levels": [8, 64]},
        'a "b" c\'`d': {"baseline": "x y", "levels": ["x y", HOSTILE]},
        f"reviews_{long}": {"baseline": "raw", "levels": ["raw", long]},
    }
    first, second, third = factors
    both = {first: 64, second: HOSTILE}
    settings = [{}, both, {third: long}, {**both, third: long}]
    config = factorial_config()
    config["design"] |= {"type": "settings", "factors": factors, "settings": settings}
    sweep_id = lab.register(config)
    agent = lab.agent(sweep_id)
    for number in range(8):
        run_id = lab.claim(agent)
        lab.start(run_id)
        moved = 0.1 * (lab.trial_of(run_id).setting[third] == long)
        lab.finish(run_id, **{"holdout/loss": 0.5 + moved + 0.001 * (number * 3 % 7)})
    return sweep_id


def loose(lab: Lab) -> None:
    """Runs that no sweep made, of a project whose keys and values are hostile."""
    for number in range(8):
        config = {HOSTILE: (8, 64)[number % 2], "ratio": ("1:1", HOSTILE)[number // 2 % 2]}
        value = 0.5 + 0.1 * (number % 2) + 0.001 * (number * 3 % 7)
        loose_run(lab, f"loose-{number}", {**config, "seed": number // 4}, {"loss": value})


def addresses(lab: Lab) -> list[str]:
    sweep_id, run_id = seeded(lab)
    loose(lab)
    return [
        "/",
        "/authorize",
        "/lab/imdb",
        "/lab/imdb?ask=1",
        "/lab/imdb?response=loss&goal=minimize",
        "/lab/imdb?response=none",
        f"/lab/imdb/sweeps/{sweep_id}",
        f"/lab/imdb/sweeps/{sweep_id}?response={quote(HOSTILE)}",
        f"/lab/imdb/sweeps/{sweep_id}/curves",
        f"/lab/imdb/sweeps/{sweep_id}/curves?keys=train/loss&smooth=ema&group=ratio",
        "/lab/imdb/curves",
        f"/lab/imdb/sweeps/{confounded(lab)}",
        f"/lab/imdb/runs/{run_id}",
        "/lab/imdb/runs/none",
    ]


class TestPolicy:
    def test_nothing_is_refused_and_nothing_foreign_runs(
        self, chromium: Chromium, lab: Lab, address: str
    ) -> None:
        for path in addresses(lab)[:-1]:
            chromium.open(address + path)

            assert chromium.value("window.hacked") is None
            assert chromium.complaints == []

    def test_every_file_comes_from_the_service(
        self, chromium: Chromium, lab: Lab, address: str
    ) -> None:
        loaded = "performance.getEntriesByType('resource').map(entry => entry.name)"
        for path in addresses(lab):
            chromium.open(address + path)

            names = chromium.value(loaded)
            assert names
            assert all(name.startswith(address) for name in names)


class TestAppearance:
    @pytest.mark.parametrize("width", [1280, 390])
    def test_no_page_is_wider_than_its_window(
        self, chromium: Chromium, lab: Lab, address: str, width: int
    ) -> None:
        chromium.show_as(width=width)
        for path in addresses(lab):
            chromium.open(address + path)
            folded = chromium.value(OVERFLOWS)
            chromium.value(UNFOLD)

            assert max(folded, chromium.value(OVERFLOWS)) <= 0, path

    @pytest.mark.parametrize("dark", [False, True])
    def test_text_is_told_apart_from_its_ground(
        self, chromium: Chromium, lab: Lab, address: str, dark: bool
    ) -> None:
        """WCAG 2.2, 1.4.3: a contrast of 4.5 to 1, for every piece of text."""
        chromium.show_as(width=1280, dark=dark)
        for path in addresses(lab):
            chromium.open(address + path)
            chromium.value(UNFOLD)

            assert chromium.value(CONTRASTS_BELOW_AA) == [], path

    def test_every_id_is_there_once_and_every_link_in_a_page_leads_somewhere(
        self, chromium: Chromium, lab: Lab, address: str
    ) -> None:
        for path in addresses(lab):
            chromium.open(address + path)

            assert chromium.value(IDS_THAT_ARE_WRONG) == [], path

    def test_dark_is_dark(self, chromium: Chromium, lab: Lab, address: str) -> None:
        ground = "getComputedStyle(document.body).backgroundColor"
        chromium.open(address)
        light = chromium.value(ground)
        chromium.show_as(width=1280, dark=True)

        assert light == "rgb(255, 255, 255)"
        assert chromium.value(ground) != light


class TestLife:
    def test_a_running_sweep_refreshes_itself(
        self, chromium: Chromium, lab: Lab, address: str
    ) -> None:
        """Slow (5 s): it waits for the page's own poll, which is what it is about."""
        sweep_id, _ = seeded(lab)
        chromium.open(f"{address}/lab/imdb/sweeps/{sweep_id}")
        chromium.value("document.querySelector('#config ~ details').open = true")
        chromium.value("document.getElementById('verb-pause').focus()")

        lab.run_trial(lab.agent(sweep_id, host="host-b"), **{"holdout/loss": 0.125})

        chromium.wait_for("document.body.innerText.includes('2 of 8 trials done')")
        chromium.wait_for("document.getElementById('decide-body').innerText.includes('0.125')")
        assert chromium.value("document.activeElement.id") == "verb-pause"
        assert chromium.value("document.querySelector('#config ~ details').open") is True
        assert chromium.value("window.hacked") is None
        assert chromium.complaints == []

    def test_a_sweep_is_paused_by_keyboard(
        self, chromium: Chromium, lab: Lab, address: str
    ) -> None:
        sweep_id, _ = seeded(lab)
        chromium.open(f"{address}/lab/imdb/sweeps/{sweep_id}")

        for _ in range(30):
            chromium.press("Tab")
            if chromium.value("document.activeElement.id") == "verb-pause":
                break
        assert chromium.value("document.activeElement.matches(':focus-visible')")
        chromium.press("Enter")

        chromium.wait_for("document.getElementById('verb-resume') !== null")
        assert lab.sweep(sweep_id).state == "paused"
        assert chromium.complaints == []

    def test_follow_ups_are_queued_by_keyboard(
        self, chromium: Chromium, lab: Lab, address: str
    ) -> None:
        sweep_id = confounded(lab)
        chromium.open(f"{address}/lab/imdb/sweeps/{sweep_id}")

        for _ in range(80):
            chromium.press("Tab")
            if chromium.value("document.activeElement.id") == "queue-proposed":
                break
        assert chromium.value("document.activeElement.matches('#queue-proposed:focus-visible')")
        chromium.press("Enter")

        chromium.wait_for("document.body?.innerText.includes('8 of 9 trials done, 1 waiting')")
        assert [trial.state for trial in lab.trials(sweep_id)][8:] == ["queued"]
        assert chromium.value("location.hash") == "#trials"
        assert chromium.value("window.hacked") is None
        assert chromium.complaints == []

    def test_pairs_that_are_read_stay_open_while_runs_come_in(
        self, chromium: Chromium, lab: Lab, address: str
    ) -> None:
        """Slow (5 s): it waits for the page's own poll, which is what it is about."""
        sweep_id = lab.register(factorial_config())
        agent = lab.agent(sweep_id)
        for number in range(4):
            lab.run_trial(agent, **{"holdout/loss": 0.5 + 0.01 * number})
        chromium.open(f"{address}/lab/imdb/sweeps/{sweep_id}")
        chromium.value("document.querySelector('#pairs-1-0').open = true")

        lab.run_trial(agent, **{"holdout/loss": 0.125})

        chromium.wait_for("document.getElementById('decide-body').innerText.includes('0.125')")
        assert chromium.value("document.querySelector('#pairs-1-0').open") is True
        assert chromium.value("document.querySelector('#pairs-2-0').open") is False

    def test_a_question_is_asked_by_the_form_of_a_project(
        self, chromium: Chromium, lab: Lab, address: str
    ) -> None:
        loose(lab)
        chromium.open(f"{address}/lab/imdb")

        chromium.value("document.querySelector('input[name=response]').value = 'loss'")
        chromium.value("document.querySelector('select[name=goal]').value = 'minimize'")
        chromium.value("document.querySelector('form.filters button').focus()")
        chromium.press("Enter")

        chromium.wait_for("document.body?.innerText.includes('yes; 8 is better')")
        assert "response=loss&goal=minimize" in chromium.value("location.search")
        assert chromium.value("window.hacked") is None
        assert chromium.complaints == []

    def test_a_command_has_a_button_that_copies_it(
        self, chromium: Chromium, lab: Lab, address: str
    ) -> None:
        sweep_id, _ = seeded(lab)
        chromium.call(
            "Browser.grantPermissions", permissions=["clipboardReadWrite"], origin=address
        )
        chromium.open(f"{address}/lab/imdb/sweeps/{sweep_id}")

        chromium.call("Page.bringToFront")
        chromium.value("document.querySelector('.copy').click()")

        chromium.wait_for("document.querySelector('.copy').textContent === 'Copied'")
        copied = chromium.value("navigator.clipboard.readText()")
        assert copied.splitlines()[-1] == f"wandb agent lab/imdb/{sweep_id}"

    def test_a_long_log_is_shown_at_its_end(
        self, chromium: Chromium, lab: Lab, address: str
    ) -> None:
        _, run_id = seeded(lab)
        lines = [f'{{"content": "line {i}"}}' for i in range(150)]
        lab.report(run_id, StreamReport(output=Chunk(0, lines)))
        chromium.open(f"{address}/lab/imdb/runs/{run_id}")

        box = "document.querySelector('.log')"
        assert chromium.value(f"{box}.scrollTop + {box}.clientHeight >= {box}.scrollHeight - 4")


# Every visible piece of text whose colour is too near to the ground that it stands on.
CONTRASTS_BELOW_AA = """
(() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => channels(colour).slice(0, 3)
    .map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if ((channels(colour)[3] ?? 1) > 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || element.closest(".unseen, .skip, option")) continue;
    if (!element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const text = element.closest("svg") ? style.fill : style.color;
    const [high, low] = [light(text), light(ground(element))].sort((a, b) => b - a);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < 4.5) found.push(`${walk.currentNode.data.trim()}: ${contrast.toFixed(2)}`);
  }
  return [...new Set(found)];
})()
"""

# Ids that are there twice or have a blank in them; what is pointed at and is not there.
IDS_THAT_ARE_WRONG = """
(() => {
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  const wrong = ids.filter((id, i) => !id || /\\s/.test(id) || ids.indexOf(id) !== i);
  const names = ["href", "aria-labelledby", "list"];
  const pointers = [...document.querySelectorAll("a[href^='#'], [aria-labelledby], [list]")]
    .map((element) => names.map((name) => element.getAttribute(name)).find(Boolean));
  return [...wrong, ...pointers.filter((to) => !ids.includes(to.replace(/^#/, "")))];
})()
"""
