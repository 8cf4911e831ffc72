"""The web server of a running Parley: health, metrics, and what its operator may see and do.

`serving_web` (in `server`) runs it while `parley run` runs; a failure of it is one line in the log,
and answering goes on.

- `live`: what the server looks at: the running parts, and the observers of `bot.observer`.
- `measurements`: `Measurements`, the numbers since the start, and the `Recorder` that counts them.
- `lag`, `database`, `readiness`: the event loop's lag; the database's state; what is not ready.
- `app`: `create_app`, the middlewares, and `PAGES`, where handlers register.
- `access`: who asks, by which host name, and what a handler lets them see.
- `sessions`, `password`, `forms`: sessions and one-time links; the password; CSRF tokens.
- `health`, `metrics`, `login`: handlers for programs, and to log in.
- `overview`, `now`, `reports`, `conversations`: the operator's page, with its stream of live
  numbers.
- `periods`, `drawing`: the numbers of the plots; the plots as SVG.
- `memory`, `problems`: the memory of Parley's processes; the last warnings and errors.
- `patience`: how long the server waits for what a client sends.
- `searching`: a search whose time is bounded.
- `plain`: how values look on a page, and what makes texts inert.
- `local`: the file through which `parley status` and `parley web link` reach a running Parley.

A handler registers in a function ``register(app: web.Application) -> None`` that is listed in
`app.PAGES`. It needs a password session unless it is marked by `access.open_to_all` or
`access.numbers`. A POST needs the CSRF token, which templates know as ``csrf``, in the form's field
``csrf`` or in the header ``X-CSRF-Token``. Who wants to be told what happens adds an observer to
``state.live.observers``; what runs beside the handlers belongs into ``app.cleanup_ctx``.
Handlers find everything by ``request.app[STATE]`` (`state.WebState`), and pages are rendered by
``state.render``, whose templates extend ``base.html``.
"""
