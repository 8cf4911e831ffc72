"""The torch back end: models of transformers, on any device that torch knows."""
