"""Further models in the numbers and on the operator's page; one that is down is told there."""

from pathlib import Path

from bot.engine.models import ModelSlots
from bot.errors import GenerationError
from bot.messages import ConversationKey
from bot.observer import ServersFailed
from bot.ports import ConversationSettings
from parley.web.measurements import ModelState
from tests.bot.engine.test_models import Down
from tests.parley.web.scene import SECRET_CHANNEL, web_scene, web_settings
from tests.parley.web.test_health import metrics, ready
from tests.scripted_generator import ScriptedGenerator
from tests.until import until

HERE = ConversationKey("discord", SECRET_CHANNEL, workspace="guild")


async def test_each_further_model_is_in_the_metrics_and_on_the_page(tmp_path: Path) -> None:
    further = {
        "large": ModelSlots(ScriptedGenerator(context=5000), 4),
        "old": ModelSlots(Down(), 1),
    }
    async with web_scene(web_settings(tmp_path), further=further) as scene:
        assert scene.live.parley is not None
        engine = scene.live.parley.engine
        await until(lambda: engine.status.further[0].up)
        found = await metrics(scene)
        assert found['parley_further_model_up{model="large"}'] == 1
        assert found['parley_further_model_up{model="old"}'] == 0
        browser = await scene.browser()
        page = await (await browser.get("/")).text()
        assert "<dt>large</dt><dd>scripted, 5,000 tokens, 0 of 4 answers being written</dd>" in page
        assert "<dt>old</dt><dd>its servers do not answer</dd>" in page
        await scene.store.change_settings(HERE, ConversationSettings(model="large"))
        await scene.answer()
        labels = 'model="large",platform="discord",state="done"'
        assert (await metrics(scene))[f"parley_answers_total{{{labels}}}"] == 1


async def test_a_further_model_that_is_down_does_not_make_parley_unready(tmp_path: Path) -> None:
    large = ScriptedGenerator()
    large.failures = [(0, GenerationError("it broke"))] * 5
    further = {"large": ModelSlots(large, 4)}
    async with web_scene(web_settings(tmp_path), further=further) as scene:
        await scene.store.change_settings(HERE, ConversationSettings(model="large"))
        scene.live.observers.observe(ServersFailed("large"))
        for _ in range(4):
            await scene.answer()
        assert await ready(scene) == (200, [])
        now = scene.live.recorder.now()
        assert (now.model_state, now.further) == (
            ModelState.NONE,
            {"large": ModelState.UNREACHABLE},
        )
