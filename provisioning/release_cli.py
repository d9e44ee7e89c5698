"""The publisher's commands: a signing key, the signature on a built page, its verification.

``xinglin release keygen KEY`` once, KEY kept off every server; ``xinglin release sign KEY`` after
each build; hospitals set the printed public key as ``portal.release_key``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="发布签名 / sign a release", add_completion=False)
Dist = Annotated[Path, typer.Option(help="已构建的页面 / the built page")]
KeyFile = Annotated[Path, typer.Argument(help="发布者私钥文件 / the publisher's private key")]
BUILT = Path("web/dist")


@app.callback()
def main() -> None:
    """发布签名 / sign a release."""


@app.command()
def keygen(key: KeyFile) -> None:
    """生成发布者密钥，打印公钥 / make the publisher's key, print its public half."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from core.vault.identity import write_secret
    from core.web.release_signature import key_text

    if key.exists():  # a key that hospitals trust is never overwritten
        typer.echo(f"已存在，未改动 / exists, left as it is: {key}", err=True)
        raise typer.Exit(2)
    made = Ed25519PrivateKey.generate()
    write_secret(key, made.private_bytes_raw())
    print(key_text(made.public_key()))


@app.command()
def sign(key: KeyFile, dist: Dist = BUILT) -> None:
    """签名已构建的页面（先逐一核对文件）/ sign a built page, after comparing every file."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from core.web.release import MANIFEST, read_release
    from core.web.release_signature import SIGNATURE, key_text, signature_of

    own = Ed25519PrivateKey.from_private_bytes(key.read_bytes())
    files = len(read_release(dist).files)
    (dist / SIGNATURE).write_bytes(signature_of((dist / MANIFEST).read_bytes(), own))
    read_release(dist, own.public_key())
    print(f"已签名 / signed: {files} 个文件 / files, {key_text(own.public_key())}")


@app.command()
def verify(
    public: Annotated[str, typer.Argument(help="发布者公钥 / the publisher's public key")],
    dist: Dist = BUILT,
) -> None:
    """核对签名与每个文件 / verify the signature and every file."""
    from core.web.release import read_release
    from core.web.release_signature import publisher_key

    files = len(read_release(dist, publisher_key(public)).files)
    print(f"与发布一致 / as released: {files} 个文件 / files")
