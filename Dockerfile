# The adapter as an image that AIMLFW's chart can run unchanged: it starts `python3 kfadapter_main.py` in this directory.
FROM python:3.11-slim

WORKDIR /home/app/kfadapter
COPY requirements/build.txt requirements/engine.txt requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/build.txt -r requirements/engine.txt
COPY pyproject.toml README.md LICENSE kfadapter_main.py ./
COPY src src
RUN pip install --no-cache-dir --no-deps --no-build-isolation .

# The ledger lives here: mount a volume, so that a new pod knows the training jobs of the one before.
ENV KFADAPTER_DATA_DIR=/var/lib/kfadapter
VOLUME /var/lib/kfadapter
EXPOSE 5001
CMD ["python3", "kfadapter_main.py"]
