"""What only a browser can tell: policy, width, contrast, refreshing, keyboard."""

import pytest

from paribus_service.orchestration.recorder import Chunk, StreamReport
from tests.browser.chromium import Chromium
from tests.factories import Lab
from tests.service.dashboard.site import factorial_config, history_lines

HOSTILE = "<script>window.hacked = true</script><img src=x onerror='window.hacked = true'>"
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


def addresses(lab: Lab) -> list[str]:
    sweep_id, run_id = seeded(lab)
    return [
        "/",
        "/authorize",
        "/lab/imdb",
        f"/lab/imdb/sweeps/{sweep_id}",
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

            assert chromium.value(OVERFLOWS) <= 0, path

    @pytest.mark.parametrize("dark", [False, True])
    def test_text_is_told_apart_from_its_ground(
        self, chromium: Chromium, lab: Lab, address: str, dark: bool
    ) -> None:
        """WCAG 2.2, 1.4.3: a contrast of 4.5 to 1, for every piece of text."""
        chromium.show_as(width=1280, dark=dark)
        for path in addresses(lab):
            chromium.open(address + path)

            assert chromium.value(CONTRASTS_BELOW_AA) == [], path

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
        chromium.wait_for("document.getElementById('best-body').innerText.includes('0.125')")
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
