"""The committed Python code of the wire schema is what its schema gives: `make proto` changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from grpc_tools import protoc

PROTOCOL: Final = Path(__file__).parents[3] / "protocol"


@pytest.mark.parametrize("name", ["accord_pb2.py", "accord_pb2.pyi"])
def test_the_generated_code_is_fresh(tmp_path: Path, name: str) -> None:
    arguments = ["protoc", f"-I{PROTOCOL}", f"--python_out={tmp_path}", f"--pyi_out={tmp_path}", "accord.proto"]
    assert protoc.main(arguments) == 0
    assert (tmp_path / name).read_bytes() == (PROTOCOL / name).read_bytes()
