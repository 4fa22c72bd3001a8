"""Failures and what comes after them."""
from kfp import dsl

from expectations import edited, expect
from steps import component, count, fail, join, report, say


@component
def note(word: str = "nothing came") -> str:
    return word


@component
def note_number(number: int = 7) -> int:
    return number


@component
def exit_with(code: int):
    import sys

    sys.exit(code)


@component
def kill_itself():
    import os
    import signal

    os.kill(os.getpid(), signal.SIGKILL)


@expect(tasks=3)
@dsl.pipeline
def exit_after_success():
    with dsl.ExitHandler(report(note="bye")):
        say(text="body")


@expect(failed="exit-handler-1.fail", tasks=3, error="as asked")
@dsl.pipeline
def exit_after_failure():
    with dsl.ExitHandler(report(note="bye")):
        fail()


@expect(given={"word": "w"}, failed="exit-handler-1.fail", skipped="exit-handler-1.say-2", error="broken")
@dsl.pipeline
def exit_gets_arguments(word: str):
    with dsl.ExitHandler(report(note=word)):
        said = say(text=word)
        broken = fail(text="broken").after(said)
        say(text=broken.output)


@expect(tasks=3)
@dsl.pipeline
def exit_without_status():
    with dsl.ExitHandler(say(text="bye")):
        say(text="all")


@expect(failed="exit-handler-1.for-loop-3.0.fail exit-handler-1.for-loop-3.1.fail", error="as asked")
@dsl.pipeline
def exit_after_a_loop():
    with dsl.ExitHandler(report()):
        with dsl.ParallelFor(["a", "b"]) as text:
            fail().after(say(text=text))


@expect(failed="exit-handler-1.fail", error="first")
@dsl.pipeline
def two_exit_handlers():
    with dsl.ExitHandler(report(note="one")):
        fail(text="first")
    with dsl.ExitHandler(report(note="two")):
        say(text="fine")


@dsl.pipeline
def guarded(word: str) -> str:
    with dsl.ExitHandler(report(note="inner")):
        say(text=word)
    return say(text=f"{word} out").output


@dsl.pipeline
def guarded_failure(word: str):
    with dsl.ExitHandler(report(note="inner")):
        fail(text=word)


@expect(outputs={"Output": "w out"})
@dsl.pipeline
def exit_in_a_nested_pipeline() -> str:
    with dsl.ExitHandler(report(note="outer")):
        say(text="beside")
    return guarded(word="w").output


@expect(failed="exit-handler-1.guarded-failure.exit-handler-1.fail", error="w")
@dsl.pipeline
def exits_of_both_run_after_a_failure():
    with dsl.ExitHandler(report(note="outer")):
        guarded_failure(word="w")


@expect(failed="fail", error="as asked", tasks=2)
@dsl.pipeline
def ignores_the_failure_of_another():
    note(word=fail().output).ignore_upstream_failure()


@expect(failed="fail", skipped="say", error="as asked")
@dsl.pipeline
def only_the_one_that_ignores_runs():
    broken = fail()
    note(word=broken.output).ignore_upstream_failure()
    say(text=broken.output)


@expect(outputs={"Output": "came"})
@dsl.pipeline
def ignoring_is_no_matter_when_all_is_well() -> str:
    return note(word=say(text="came").output).ignore_upstream_failure().output


@expect(given={"word": "no"}, skipped="condition-1", outputs={})
@expect(given={"word": "yes"}, outputs={})
@dsl.pipeline
def ignores_that_a_branch_was_skipped(word: str):
    with dsl.If(word == "yes"):
        say(text="inside")
    note(word="went on").after(say(text="x")).ignore_upstream_failure()


@edited(ignores_that_a_branch_was_skipped)
def _(spec):
    """Earlier compilers let a task come after a branch."""
    spec["root"]["dag"]["tasks"]["note"]["dependentTasks"].append("condition-1")


@expect(failed="fail", skipped="say say-2 join", error="as asked")
@dsl.pipeline
def a_failure_skips_all_that_follow():
    broken = fail()
    one = say(text=broken.output)
    two = say(text=one.output)
    join(texts=[two.output, "x"])


@expect(failed="exit-with", error="exit code 3")
@dsl.pipeline
def exit_codes_are_told():
    exit_with(code=3)


@expect(failed="kill-itself", error="exit code 137")
@dsl.pipeline
def signals_are_told():
    kill_itself()


@expect(failed="fail", error="as asked", outputs={"Output": "came through"}, skipped="")
@dsl.pipeline
def what_runs_beside_a_failure_ends_well() -> str:
    fine = say(text="came through")
    fail().after(fine)
    return fine.output


@expect(failed="fail", error="it's {{$}} \"broken\"")
@dsl.pipeline
def messages_come_as_they_are():
    fail(text='it\'s {{$}} "broken"')


@expect(failed="fail", error="task report failed", tasks=3)
@dsl.pipeline
def an_exit_task_fails():
    with dsl.ExitHandler(fail(text="exit failed").set_display_name("report")):
        say(text="fine")
