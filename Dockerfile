# Parley with the OpenVINO backend, for CPUs and Intel GPUs. docs/container.md explains how to use it.
#
#   docker build -t parley .                                 # --build-arg INTEL_GPU=no: without GPU drivers
#   docker run -v parley-data:/data parley ask "Hello"       # the demo model answers
#
# The base is Ubuntu 26.04 LTS, because its own archive has Intel's compute runtime for all current GPUs:
# intel-opencl-icd and libze-intel-gpu1 26.05 (https://packages.ubuntu.com/resolute/intel-opencl-icd).
# Lunar Lake and Battlemage (Arc B) came out in 2024, and Ubuntu 24.04's runtime is 23.43, of 2023; Debian 13 has
# none. That is why other recipes add a repository of Intel's or a PPA.

FROM ubuntu:26.04 AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3-venv \
 && rm -rf /var/lib/apt/lists/*
COPY . /src
# The extra lets [storage] url name a PostgreSQL database.
RUN python3 -m venv /opt/parley \
 && /opt/parley/bin/pip install --no-cache-dir --disable-pip-version-check "/src[postgres]" \
 && /opt/parley/bin/pip uninstall --yes --quiet pip


FROM ubuntu:26.04
ARG INTEL_GPU=yes
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates python3 tini \
      $(test "$INTEL_GPU" = no || echo intel-opencl-icd libze-intel-gpu1 libze1) \
 && rm -rf /var/lib/apt/lists/*
# A user without rights; its number is fixed, so that the owner of /data is known outside, too.
RUN useradd --uid 10001 --user-group --home-dir /data --no-create-home \
      --shell /usr/sbin/nologin parley \
 && install --directory --owner parley --group parley --mode 0700 /data
COPY --from=build /opt/parley /opt/parley

# All that Parley keeps is in /data: config.toml and secrets.toml, the database (parley/), downloaded models
# (huggingface/) and converted ones (cache/).
ENV PATH=/opt/parley/bin:$PATH \
    HOME=/data \
    XDG_CONFIG_HOME=/data/config \
    XDG_DATA_HOME=/data \
    XDG_CACHE_HOME=/data/cache \
    XDG_STATE_HOME=/data/state \
    HF_HOME=/data/huggingface \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /data
VOLUME /data
USER 10001:10001
STOPSIGNAL SIGTERM
# A first start may download nothing but has to convert a large model, which takes minutes.
HEALTHCHECK --interval=60s --timeout=30s --start-period=15m --retries=3 CMD ["parley", "health"]
# tini passes SIGTERM on and reaps the worker's processes.
ENTRYPOINT ["tini", "--", "parley"]
CMD ["run"]
