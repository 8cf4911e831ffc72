"""What the delivery ledger knows of the messages that show one answer.

A ledger that fails does not stop the answer: it is logged, what failed is kept in memory, and it is
tried again with the next call. Only a restart meanwhile would post messages anew.
"""

import logging

from bot.errors import StorageError
from bot.ports import AnswerLedger, StoredAnswer

logger = logging.getLogger(__name__)


class Records:
    """Records of one answer's messages. Raises nothing, whatever the database raises."""

    def __init__(self, ledger: AnswerLedger, answer: StoredAnswer) -> None:
        self._ledger = ledger
        self._answer_id = answer.id
        self._settled = answer.settled
        self._left: dict[int, str] = {}

    def put(self, part: int, ref: str) -> None:
        """The message `ref` shows this part, which is to be recorded; "" for none any more."""
        self._left[part] = ref

    async def write(self, settled: int) -> bool:
        """Record what there is to record; `settled`: so many parts are shown in their final form.
        Returns whether the ledger knows all messages now."""
        for part, ref in sorted(self._left.items()):
            # one write records the new message and that the ones before it are final
            changed = None if settled == self._settled else settled
            try:
                await self._ledger.shown(self._answer_id, part, ref, settled=changed)
            except StorageError as error:
                logger.error("the message of part %d could not be recorded: %s", part, error)
                break
            except Exception:  # whatever a driver raises: the answer goes on
                logger.exception("the message of part %d could not be recorded", part)
                break
            self._settled = settled
            del self._left[part]
        return not self._left

    async def unsettle(self, settled: int) -> None:
        """Before a message changes that the ledger knows to be final: record that only `settled`
        are, lest a crash leaves it half changed."""
        if self._settled <= settled:
            return
        try:
            await self._ledger.settle(self._answer_id, settled)
            self._settled = settled
        except StorageError as error:
            logger.error("answer %d: its ledger is behind: %s", self._answer_id, error)
        except Exception:  # whatever a driver raises: the answer goes on
            logger.exception("answer %d: its ledger is behind", self._answer_id)
