"""What can go wrong with own records. No message holds a value of a source: files, lines and columns only."""

from __future__ import annotations

from nodes.errors import NodeError
from protocol.errors import Reason


class SourceError(NodeError):
    """A source file cannot be imported at all; the data set is unchanged."""

    code = "bad-source"


class MappingError(NodeError):
    """A mapping file is not what it must be, or does not fit its source."""

    code = "bad-mapping"


class SourceRealmError(NodeError):
    """Records of the other realm: exercise and production never mix."""

    code = "source-realm-mismatch"
    reason = Reason.REALM


class ReaderMissingError(NodeError):
    """A source of a format that needs an extra which is not installed."""

    code = "reader-missing"


class ImportRunningError(NodeError):
    """Another import into the same data set is running."""

    code = "import-running"


class DataSetNameError(NodeError):
    """A name that no data set can have."""

    code = "bad-data-set-name"


class DataSetUnknownError(NodeError):
    """No data set of that name, or nothing imported into it yet."""

    code = "unknown-data-set"
    reason = Reason.POLICY


class VersionUnknownError(NodeError):
    """A version of a data set that is not kept."""

    code = "unknown-version"


class SnapshotError(NodeError):
    """A snapshot opens but its content does not fit together."""

    code = "snapshot-damaged"
    reason = Reason.STORAGE


class SnapshotProfileError(NodeError):
    """A snapshot made under another identifier profile: it would miss what a partner canonicalizes otherwise."""

    code = "snapshot-profile-outdated"
    reason = Reason.PROFILE


class SnapshotFormatError(NodeError):
    """A snapshot as another version of this program wrote it."""

    code = "snapshot-format-outdated"
    reason = Reason.STORAGE
