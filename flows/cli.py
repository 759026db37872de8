"""The command line: every command is the augmentation flow, up to the stage that it names.

Heavy imports happen inside the commands, so that `parhelion --help` answers at once.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from parhelion.pipeline.run_config import RunConfig

app = typer.Typer(
    name="parhelion",
    help="Draws the weather a street dataset lacks, and proves that the labels still hold.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Config = Annotated[
    str, typer.Argument(help="A YAML file with a run's settings, or the name of a recipe.")
]
Out = Annotated[
    Path | None, typer.Option(help="Folder of the run. Default: runs/NAME.", show_default=False)
]
Workers = Annotated[int, typer.Option(min=1, help="Worker processes. Any number, the same bytes.")]


def _augment(config: "RunConfig", out: Path | None, workers: int, until: str = "report") -> None:
    from parhelion.flows.launch import launch

    if not launch(config, out or Path("runs") / config.name, workers=workers, until=until):
        raise typer.Exit(1)


def _load(config: str) -> "RunConfig":
    from parhelion.flows.failures import WrongCommand, told
    from parhelion.flows.recipes import load_config

    try:
        return load_config(config)
    except (ValueError, KeyError, OSError) as error:
        raise WrongCommand(f"{config}: {told(error)}") from error


@app.command()
def demo(
    out: Out = None,
    workers: Workers = 2,
    preview: Annotated[
        bool, typer.Option(help="Small, roughly shaded frames: the same run in a few minutes.")
    ] = False,
) -> None:
    """The whole story on our own street: render, audit, draw what is missing, prove it, report."""
    _augment(_load("demo-preview" if preview else "demo"), out, workers)


@app.command()
def ingest(
    config: Annotated[
        str, typer.Argument(help="A YAML file, a recipe, or with --adapter the dataset's path.")
    ],
    adapter: Annotated[
        str | None, typer.Option(help="Read this path with that adapter; see parhelion adapters.")
    ] = None,
    size: Annotated[
        str | None, typer.Option(help="Resize to WxH pixels, such as 640x360.", metavar="WxH")
    ] = None,
    setting: Annotated[
        list[str] | None, typer.Option(help="KEY=VALUE for the adapter; may be repeated.")
    ] = None,
    out: Out = None,
    workers: Workers = 2,
) -> None:
    """Reads frames and tells what came; bad ones go to quarantine with a reason."""
    from parhelion.flows.failures import WrongCommand, told
    from parhelion.flows.recipes import reading

    if adapter is None:
        if size or setting:
            raise WrongCommand("--size and --setting go with --adapter; a config has its own")
        loaded = _load(config)
    else:
        try:
            loaded = reading(adapter, config, size, setting or [])
        except ValueError as error:
            raise WrongCommand(f"--adapter {adapter}: {told(error)}") from error
    _augment(loaded, out, workers, until="ingest")


@app.command("capture")
def capture_carla(
    out: Annotated[Path, typer.Option(help="A new folder for the recording.")],
    config: Annotated[
        Path | None, typer.Option(help="YAML of the capture's settings. Default: all as they are.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Where the server runs.")] = None,
    port: Annotated[int | None, typer.Option(help="Its port.")] = None,
) -> None:
    """Records from a running CARLA server what `ingest --adapter carla` reads."""
    from parhelion.flows.capture import capture

    typer.echo(capture(config, out, host, port))


@app.command()
def audit(config: Config, out: Out = None, workers: Workers = 2) -> None:
    """Counts what is there and what is missing, by weather, time of day and class."""
    _augment(_load(config), out, workers, until="audit")


@app.command()
def budget(config: Config, out: Out = None, workers: Workers = 2) -> None:
    """Trains on more and more source frames, and tells from where on more stop helping."""
    _augment(_load(config), out, workers, until="budget")


@app.command()
def fit(config: Config, out: Out = None, workers: Workers = 2) -> None:
    """Fits the generators and the gate on training groups."""
    _augment(_load(config), out, workers, until="fit")


@app.command()
def generate(
    config: Config,
    edit: Annotated[
        str | None, typer.Option(help='Edit frames instead, by a wish such as "make it night".')
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="With --edit: accepted frames wanted.")] = 24,
    out: Out = None,
    workers: Workers = 2,
) -> None:
    """Draws the missing frames and lets the gate judge them."""
    loaded = _load(config)
    if edit is not None:
        from parhelion.flows.failures import WrongCommand
        from parhelion.flows.recipes import edited

        try:
            loaded = edited(loaded, edit, count)
        except ValueError as error:
            raise WrongCommand(str(error)) from error
    _augment(loaded, out, workers, until="generate")


@app.command("inpaint")
def inpaint_frame(
    frame_id: Annotated[str, typer.Argument(help="Id of a frame of the run.")],
    mask: Annotated[Path, typer.Option(help="A picture of its size, white where to draw.")],
    becomes: Annotated[
        str | None, typer.Option(help='A class such as "road". Default: what it was.')
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="Pictures of the same hole.")] = 4,
    seed: Annotated[int, typer.Option(help="Of the first; the others follow.")] = 0,
    model: Annotated[
        Path | None, typer.Option(help="Folder of a saved repaint or ddpm. Default: the run's.")
    ] = None,
    setting: Annotated[
        list[str] | None, typer.Option(help="KEY=VALUE of drawing, such as levels=50; repeatable.")
    ] = None,
    run: Annotated[Path, typer.Option(help="Folder of a run, or of a dataset.")] = Path(
        "runs/demo"
    ),
    out: Annotated[Path, typer.Option(help="Folder of pictures and table.")] = Path("inpainted"),
) -> None:
    """Draws a part of a frame anew; the rest keeps every byte, and labels are made to agree."""
    from parhelion.flows.failures import WrongCommand
    from parhelion.flows.inpaint import inpaint
    from parhelion.flows.recipes import settings_of

    try:
        settings = settings_of(setting or [])
    except ValueError as error:
        raise WrongCommand(str(error)) from error
    paths = inpaint(
        run,
        frame_id,
        mask,
        becomes=becomes,
        samples=samples,
        seed=seed,
        model=model,
        settings=settings,
        out=out,
    )
    typer.echo("\n".join(map(str, paths)))


@app.command()
def augment(config: Config, out: Out = None, workers: Workers = 2) -> None:
    """Everything: from the sources to the dataset and its report."""
    _augment(_load(config), out, workers)


@app.command()
def report(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
) -> None:
    """Writes the report of a finished run again, from its report.json."""
    from parhelion.flows.failures import WrongCommand
    from parhelion.pipeline.report import rewrite_report

    try:
        page = rewrite_report(run / "report")
    except (FileNotFoundError, ValueError) as error:
        raise WrongCommand(f"wanted the folder of a finished run, got {run}: {error}") from error
    typer.echo(page)


@app.command()
def replay(
    frame_id: Annotated[list[str], typer.Argument(help="Ids of generated frames.")],
    run: Annotated[Path, typer.Option(help="Folder of the run that drew them.")] = Path(
        "runs/demo"
    ),
) -> None:
    """Draws rows again from their provenance and compares the bytes."""
    from parhelion.pipeline.replay import replay_frame

    results = [replay_frame(run, one) for one in frame_id]
    for result in results:
        typer.echo(result.sentence)
    raise typer.Exit(0 if all(result.same for result in results) else 1)


@app.command()
def compare(
    generators: Annotated[
        str, typer.Option(help="Names with commas; NAME=GENERATOR for a second setting of one.")
    ],
    on: Annotated[
        Path | None, typer.Option(help="Folder of a dataset, or with --adapter its path.")
    ] = None,
    adapter: Annotated[
        str | None, typer.Option(help="Read frames with that adapter; see parhelion adapters.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Training steps of each.")] = None,
    seconds: Annotated[
        float | None, typer.Option(min=1, help="Seconds of training of each, instead of steps.")
    ] = None,
    setting: Annotated[
        list[str] | None, typer.Option(help="NAME.KEY=VALUE, such as gan.width=32; repeatable.")
    ] = None,
    samples: Annotated[int, typer.Option(min=2, help="Pictures that each draws.")] = 500,
    frames: Annotated[
        int | None, typer.Option(min=2, help="With --adapter: at most so many frames.")
    ] = None,
    parents: Annotated[
        str, typer.Option(help="Conditions of the parents, such as clear/day; others are wanted.")
    ] = "",
    seed: Annotated[int, typer.Option(help="Of training, requests and scores.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder. Default: runs/compare-NAME.", show_default=False)
    ] = None,
) -> None:
    """Fits generators on equal data and budgets, and judges what they draw: a table and a page."""
    from parhelion.flows.compare import run_comparison

    page = run_comparison(
        generators,
        on,
        adapter,
        steps=steps,
        seconds=seconds,
        settings=setting or [],
        samples=samples,
        most=frames,
        parents=parents,
        seed=seed,
        out=out,
    )
    typer.echo(page)


@app.command()
def serve(
    config: Config,
    out: Out = None,
    workers: Workers = 2,
    cron: Annotated[str | None, typer.Option(help='When to run, such as "0 2 * * *".')] = None,
    interval: Annotated[
        float | None, typer.Option(min=1, help="Seconds between the starts of runs.")
    ] = None,
) -> None:
    """Runs the augmentation on a schedule until it is stopped (Ctrl-C)."""
    from parhelion.flows.failures import WrongCommand
    from parhelion.flows.schedule import serve_augmentation

    if (cron is None) == (interval is None):
        raise WrongCommand("serve wants one of --cron and --interval")
    loaded = _load(config)
    folder = out or Path("runs") / loaded.name
    serve_augmentation(loaded, folder, workers=workers, cron=cron, interval_s=interval)


@app.command("adapters")
def list_adapters(
    page: Annotated[bool, typer.Option(help="The whole page, as Markdown.")] = False,
) -> None:
    """Lists the adapters with the layers they give."""
    from parhelion.flows.adapter_page import adapter_page, adapters_table
    from parhelion.flows.tables import print_tables

    if page:
        typer.echo(adapter_page(), nl=False)
    else:
        print_tables([adapters_table()])


@app.command("generators")
def list_generators(
    name: Annotated[
        str | None, typer.Argument(help="Tells all settings of this one.", show_default=False)
    ] = None,
) -> None:
    """Lists the generators with what they model and need, or the settings of one."""
    from parhelion.pipeline import parts

    if name is not None:
        _tell_generator(name)
        return
    for name in parts.names("generators"):
        made = parts.build("generators", name)  # what it needs may depend on its settings
        typer.echo(f"{name:12} {_first_line(made)}")
        typer.echo(f"{'':12} models {made.models}, needs {_listed(made.needs)}")


def _tell_generator(name: str) -> None:
    from parhelion.flows.failures import WrongCommand
    from parhelion.flows.generator_page import introduction, settings_table
    from parhelion.flows.tables import print_tables
    from parhelion.pipeline import parts

    if name not in parts.names("generators"):
        raise WrongCommand(
            f"no generator {name!r}; there are: {', '.join(parts.names('generators'))}"
        )
    typer.echo(introduction(name))
    print_tables([settings_table(name)])


def _first_line(part: object) -> str:
    return (type(part).__doc__ or "").strip().splitlines()[0]


def _listed(layers: frozenset[str]) -> str:
    return ", ".join(sorted(layers)) or "no layer"


def main() -> None:
    """Entry point of the console script; here failures that a user can cure become a sentence."""
    try:
        app()  # ends in SystemExit, which is no Exception, unless a command raised
    except Exception as error:
        from parhelion.flows.failures import sentence_of

        sentence = sentence_of(error)
        if sentence is None:
            raise
        typer.echo(sentence, err=True)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
