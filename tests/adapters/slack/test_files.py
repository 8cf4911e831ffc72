"""Files that are shared with a question."""

from typing import Any

from adapters.slack.files import attachments_of
from tests.adapters.slack.near import near
from tests.slack_loopback import File


async def test_only_files_that_slack_hosts_are_downloaded() -> None:
    async with near() as at:
        at.team.files["F1"] = File("F1", "a.txt", b"Hello")
        url = f"{at.slack.origin}/files/T1/F1"
        held = {"mode": "hosted", "name": "a.txt", "mimetype": "text/plain", "size": 5}
        files: list[dict[str, Any]] = [
            {**held, "url_private_download": url},
            {**held, "mode": "external", "url_private_download": "https://elsewhere.example/a"},
            {**held, "mode": "tombstone"},
        ]
        (attachment,) = attachments_of(files, at.workspace.gateway)
        assert (attachment.name, attachment.content_type, attachment.size) == (
            "a.txt",
            "text/plain",
            5,
        )
        assert await attachment.read(100) == b"Hello"
