"""Quality of experience: predict the downlink throughput of a cell's users from what the radio network measures.

The source of `pipeline.yaml`, which is what the demo uploads. Compile it again with:

    kfp dsl compile --py pipeline.py --output pipeline.yaml

Every component is plain Python from the standard library, so that a task's environment is made in a moment.
"""
# The annotations describe the pipeline to its compiler, not to a type checker.
# mypy: ignore-errors
# ruff: noqa: S311 - made-up measurements and first weights need repeatable numbers, not secret ones

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Dataset, Input, Metrics, Model, Output


@dsl.component(base_image="python:3.11-slim")
def generate_measurements(
    featurepath: str, cells: int, samples_per_cell: int, seed: int, regions: list, measurements: Output[Dataset]
):
    """Write a table of cell measurements as a drive test would: radio in, throughput out, with noise."""
    import csv
    import math
    import random

    dice = random.Random(seed)
    columns = ["cell", "region", "rsrp_dbm", "sinr_db", "prb_usage", "connected_ues", "throughput_mbps"]
    rows = 0
    with open(measurements.path, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(columns)
        for number in range(cells):
            cell = f"cell-{number + 1:03d}"
            region = regions[number % len(regions)]
            distance, load = dice.uniform(0.1, 1.5), dice.uniform(0.15, 0.85)
            for _ in range(samples_per_cell):
                rsrp = -72 - 22 * distance + dice.gauss(0, 4)
                sinr = min(30.0, max(-6.0, 21 - 14 * distance - 6 * load + dice.gauss(0, 3)))
                prb_usage = min(0.98, max(0.02, load + dice.gauss(0, 0.12)))
                ues = max(1, round(60 * prb_usage * dice.uniform(0.5, 1.2)))
                bits_per_hertz = min(7.4, 0.75 * math.log2(1 + 10 ** (sinr / 10)))
                free_share = (1 - prb_usage) + prb_usage / ues
                throughput = max(0.1, 20 * bits_per_hertz * free_share * (1 + dice.gauss(0, 0.12)))
                values = [f"{rsrp:.1f}", f"{sinr:.1f}", f"{prb_usage:.3f}", ues, f"{throughput:.2f}"]
                table.writerow([cell, region, *values])
                rows += 1
            if (number + 1) % 12 == 0 or number + 1 == cells:
                print(f"measured {number + 1} of {cells} cells, {rows} samples so far", flush=True)
    measurements.metadata.update(featurepath=featurepath, rows=rows, cells=cells, columns=columns, format="csv")


@dsl.component(base_image="python:3.11-slim")
def train(
    measurements: Input[Dataset],
    epochs: int,
    learning_rate: float,
    holdout: float,
    normalise: bool,
    hidden_layers: list,
    seed: int,
    modelname: str,
    modelversion: str,
    model: Output[Model],
) -> float:
    """Train a small neural network by gradient descent (Adam) on all cells but the held-out ones."""
    import csv
    import itertools
    import json
    import math
    import random

    features = ["rsrp_dbm", "sinr_db", "prb_usage", "connected_ues"]
    with open(measurements.path, newline="") as file:
        rows = list(csv.DictReader(file))
    names = sorted({row["cell"] for row in rows})
    held_out = names[len(names) - round(len(names) * holdout) :]
    rows = [row for row in rows if row["cell"] not in held_out]
    inputs = [[float(row[name]) for name in features] for row in rows]
    targets = [float(row["throughput_mbps"]) for row in rows]

    def spread(values):
        mean = sum(values) / len(values)
        return mean, math.sqrt(sum((value - mean) ** 2 for value in values) / len(values)) or 1.0

    scales = [spread(column) if normalise else (0.0, 1.0) for column in zip(*inputs, strict=True)]
    target_mean, target_scale = spread(targets) if normalise else (0.0, 1.0)
    inputs = [[(x - mean) / scale for x, (mean, scale) in zip(row, scales, strict=True)] for row in inputs]
    targets = [(y - target_mean) / target_scale for y in targets]

    dice = random.Random(seed)
    sizes = [len(features), *(int(size) for size in hidden_layers), 1]
    layers = [  # one row of weights a neuron; the last weight is its bias
        [[dice.gauss(0, 1 / math.sqrt(width)) for _ in range(width)] + [0.0] for _ in range(neurons)]
        for width, neurons in itertools.pairwise(sizes)
    ]
    first_moments = [[[0.0] * len(row) for row in layer] for layer in layers]
    second_moments = [[[0.0] * len(row) for row in layer] for layer in layers]

    def forward(row):
        outputs = [row]
        for number, layer in enumerate(layers):
            row = [sum(w * x for w, x in zip(neuron, row, strict=False)) + neuron[-1] for neuron in layer]
            if number < len(layers) - 1:
                row = [math.tanh(value) for value in row]
            outputs.append(row)
        return outputs

    def add_gradients(gradients, outputs, error):
        deltas = [error]
        for number in range(len(layers) - 1, -1, -1):
            before = outputs[number]
            for gradient, delta in zip(gradients[number], deltas, strict=True):
                for position, value in enumerate(before):
                    gradient[position] += delta * value
                gradient[-1] += delta
            if number:
                weighted = [
                    sum(delta * neuron[i] for delta, neuron in zip(deltas, layers[number], strict=True))
                    for i in range(len(before))
                ]
                deltas = [value * (1 - output * output) for value, output in zip(weighted, before, strict=True)]

    def descend(gradients, batch_size, step):
        rate = learning_rate * math.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        tables = zip(layers, gradients, first_moments, second_moments, strict=True)
        for neuron, slope, first, second in (row for table in tables for row in zip(*table, strict=True)):
            for i, total in enumerate(slope):
                gradient = total / batch_size
                first[i] += 0.1 * (gradient - first[i])
                second[i] += 0.001 * (gradient * gradient - second[i])
                neuron[i] -= rate * first[i] / (math.sqrt(second[i]) + 1e-8)

    size = sum(len(neuron) for layer in layers for neuron in layer)
    print(f"training on {len(rows)} samples of {len(names) - len(held_out)} cells; {len(held_out)} cells are held out")
    print(f"a network of {'-'.join(map(str, sizes))} neurons, {size} weights, {epochs} epochs", flush=True)
    order, step, loss = list(range(len(rows))), 0, 0.0
    for epoch in range(1, epochs + 1):
        dice.shuffle(order)
        loss = 0.0
        for start in range(0, len(order), 16):
            batch = order[start : start + 16]
            gradients = [[[0.0] * len(row) for row in layer] for layer in layers]
            for index in batch:
                outputs = forward(inputs[index])
                error = outputs[-1][0] - targets[index]
                loss += error * error
                add_gradients(gradients, outputs, error)
            step += 1
            descend(gradients, len(batch), step)
        loss = math.sqrt(loss / len(rows)) * target_scale
        if epoch == 1 or epoch == epochs or epoch % max(1, epochs // 10) == 0:
            print(f"epoch {epoch:>3}/{epochs}  training error {loss:6.2f} Mbit/s", flush=True)

    parts = {"features": features, "scales": scales, "target": [target_mean, target_scale], "layers": layers}
    with open(model.path, "w") as file:
        json.dump({"name": modelname, "version": modelversion, "held_out_cells": held_out, **parts}, file)
    model.metadata.update(
        modelname=modelname, modelversion=modelversion, framework="plain Python", weights=size, epochs=epochs
    )
    return loss


@dsl.component(base_image="python:3.11-slim")
def evaluate(measurements: Input[Dataset], model: Input[Model], metrics: Output[Metrics]) -> NamedTuple(
    "Scores", rmse_mbps=float, r2=float, better_than_mean=bool
):
    """Score the model on cells it has never seen, against always answering the mean of these very cells."""
    import csv
    import json
    import math
    from collections import namedtuple

    with open(model.path) as file:
        trained = json.load(file)
    with open(measurements.path, newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["cell"] in trained["held_out_cells"]]
    if not rows:
        raise ValueError("no cell is held out: nothing is left to evaluate the model on; raise `holdout`")

    def predict(row):
        values = [
            (float(row[name]) - mean) / scale
            for name, (mean, scale) in zip(trained["features"], trained["scales"], strict=True)
        ]
        for number, layer in enumerate(trained["layers"]):
            values = [sum(w * x for w, x in zip(neuron, values, strict=False)) + neuron[-1] for neuron in layer]
            if number < len(trained["layers"]) - 1:
                values = [math.tanh(value) for value in values]
        mean, scale = trained["target"]
        return values[0] * scale + mean

    truth = [float(row["throughput_mbps"]) for row in rows]
    guesses = [predict(row) for row in rows]
    mean = sum(truth) / len(truth)
    squares = sum((y - guess) ** 2 for y, guess in zip(truth, guesses, strict=True))
    squares_of_mean = sum((y - mean) ** 2 for y in truth)
    rmse, rmse_of_mean = math.sqrt(squares / len(truth)), math.sqrt(squares_of_mean / len(truth))
    r2 = 1 - squares / squares_of_mean
    cells = len(trained["held_out_cells"])
    print(f"{len(rows)} samples of {cells} cells the model has never seen")
    print(f"model {rmse:.2f} Mbit/s off on average, the mean alone {rmse_of_mean:.2f}; R2 {r2:.3f}", flush=True)
    metrics.log_metric("rmse_mbps", round(rmse, 3))
    metrics.log_metric("rmse_of_mean_mbps", round(rmse_of_mean, 3))
    metrics.log_metric("r2", round(r2, 4))
    metrics.log_metric("held_out_samples", len(rows))
    return namedtuple("Scores", ["rmse_mbps", "r2", "better_than_mean"])(rmse, r2, rmse < rmse_of_mean)


class Scores(NamedTuple):
    """How good the model is on cells it has never seen."""

    rmse_mbps: float
    r2: float


@dsl.pipeline(name="qoe-throughput", description="Predicts the downlink throughput of a cell from radio measurements.")
def qoe_throughput(
    featurepath: str,
    epochs: int,
    modelname: str,
    modelversion: str,
    learning_rate: float = 0.003,
    holdout: float = 0.25,
    cells: int = 48,
    samples_per_cell: int = 60,
    normalise: bool = True,
    hidden_layers: list = [12],  # noqa: B006 - a pipeline's default, read by the compiler alone
    regions: list = ["urban", "suburban", "rural"],  # noqa: B006
    seed: int = 7,
) -> Scores:
    """Predicts the downlink throughput of a cell from radio measurements.

    Args:
        featurepath: Where the features are kept: feature group and training job.
        epochs: How many times the training data is gone through.
        modelname: Name the model is registered under.
        modelversion: Version the model is registered under.
        learning_rate: Step size of the gradient descent.
        holdout: Share of the cells kept away from training, for the evaluation.
        cells: How many cells are measured.
        samples_per_cell: Measurements taken in each cell.
        normalise: Whether features are scaled to mean 0 and deviation 1.
        hidden_layers: Neurons in each hidden layer.
        regions: Kinds of surroundings the cells are spread over.
        seed: Start of the random numbers; the same seed gives the same model.
    """
    measured = generate_measurements(
        featurepath=featurepath, cells=cells, samples_per_cell=samples_per_cell, seed=seed, regions=regions
    )
    trained = train(
        measurements=measured.outputs["measurements"],
        epochs=epochs,
        learning_rate=learning_rate,
        holdout=holdout,
        normalise=normalise,
        hidden_layers=hidden_layers,
        seed=seed,
        modelname=modelname,
        modelversion=modelversion,
    )
    scores = evaluate(measurements=measured.outputs["measurements"], model=trained.outputs["model"])
    for task in (measured, trained, scores):
        task.set_caching_options(False)  # a training job wants a model that is trained for it
    return Scores(rmse_mbps=scores.outputs["rmse_mbps"], r2=scores.outputs["r2"])
