"""The box: certificate and self-test."""

import click

from core.clock import SystemClock
from signaling.certificates import issue, own_addresses
from signaling.cli.invocation import Invocation, run
from signaling.selftest import service as selftest


@click.command()
@click.option("--name", "names", multiple=True, help="A further host name or address.")
@click.pass_obj
def cert(invocation: Invocation, names: tuple[str, ...]) -> None:
    """Make a local CA (once) and a server certificate with this box's addresses."""
    settings = invocation.settings()
    wanted = tuple(dict.fromkeys((*names, *own_addresses())))
    issued = issue(settings.data.dir / "tls", wanted, SystemClock().now())
    click.echo(f"good for: {', '.join(issued.names)}")
    click.echo(f"install on every PC and phone as a trusted authority: {issued.authority}")
    click.echo("set:")
    click.echo(f'  [http]\n  tls_certificate = "{issued.certificate}"\n  tls_key = "{issued.key}"')


@click.command()
@click.pass_obj
def check(invocation: Invocation) -> None:
    """Test settings, database, ports, modems, certificate, disk, clock; say how to mend each."""
    findings = run(selftest.run(invocation.settings()))
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        mark = "ok  " if finding.is_good else "BAD "
        click.echo(f"{mark} {finding.subject:<{width}}  {finding.text}")
        if finding.mend:
            click.echo(f"     {'':<{width}}  → {finding.mend}")
    raise SystemExit(0 if all(finding.is_good for finding in findings) else 1)
