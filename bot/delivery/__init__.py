"""Showing an answer while it is written: paced, in parts, whole at the end. Knows no platform."""

from bot.delivery.live import Delivery, LiveAnswer
from bot.delivery.markdown import closing
from bot.delivery.rendering import PLACEHOLDER

__all__ = ["PLACEHOLDER", "Delivery", "LiveAnswer", "closing"]
