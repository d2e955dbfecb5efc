"""An AWS that exports its tables: DynamoDB Local behind a proxy that answers the calls of exports
itself, from the items that are there, and writes them into an S3.

async with Exporting(dynamodb_local, moto_server) as aws:
    ...  # work against aws.url; exports are made once `aws.may_end` is set
    assert aws.requests["Scan"] == 0
"""

import asyncio
import itertools
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from tests.servers.client import call, scan_all
from tests.servers.exchange import Exchange, Reply
from tests.servers.proxy import FaultProxy
from tests.support import exports

JSON = {"Content-Type": "application/x-amz-json-1.0"}
SPACE = "com.amazonaws.dynamodb.v20120810#"
Answer = Callable[[Mapping[str, Any]], Awaitable[Reply]]


class Exporting(FaultProxy):
    """The proxy. Exports end when `may_end` is set: in failure with the `failure` (code and
    message), if there is one. `recovers` says whether point-in-time recovery is on; exports are of
    a moment `behind` seconds before they are asked for. `asked` has the requests for exports, the
    repeated ones too; `made` the descriptions of exports, `exported` their items, by their ARNs."""

    def __init__(self, upstream: str, s3: str) -> None:
        super().__init__(upstream, record=True)
        self.may_end = asyncio.Event()
        self.recovers, self.behind = True, 0.0
        self.failure: tuple[str, str] | None = None
        self.asked: list[dict[str, Any]] = []
        self.made: dict[str, dict[str, Any]] = {}
        self.exported: dict[str, int] = {}
        self.wrong_table = False
        self._local, self._s3 = upstream, s3
        self._by_token: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._own: Mapping[str, Answer] = {
            "DescribeContinuousBackups": self._describe_backups,
            "ExportTableToPointInTime": self._export,
            "DescribeExport": self._describe,
        }

    async def __aexit__(self, *error: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await super().__aexit__(*error)

    async def made_by_somebody(self, table: str, bucket: str, *, seconds_ago: float = 0) -> str:
        """The ARN of a complete export that nobody here has asked for."""
        described = (await call(self._local, "DescribeTable", {"TableName": table}))["Table"]
        request = {"TableArn": described["TableArn"], "S3Bucket": bucket, "ClientToken": "x"}
        arn = self._begin(request, time.time() - seconds_ago)
        await self._write(arn, request)
        return arn

    async def _forward(self, exchange: Exchange, body: bytes) -> Reply:
        own = self._own.get(exchange.operation)
        return await (own(exchange.json()) if own else super()._forward(exchange, body))

    async def _describe_backups(self, _: Mapping[str, Any]) -> Reply:
        status = "ENABLED" if self.recovers else "DISABLED"
        window: dict[str, Any] = {"PointInTimeRecoveryStatus": status}
        if self.recovers:
            window["EarliestRestorableDateTime"] = time.time() - 86_400
            window["LatestRestorableDateTime"] = time.time() - 300
        found = {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": window}
        return _json({"ContinuousBackupsDescription": found})

    async def _export(self, request: Mapping[str, Any]) -> Reply:
        self.asked.append(dict(request))
        if not self.recovers:
            return _refused("PointInTimeRecoveryUnavailableException", "PITR is not enabled")
        arn = self._by_token.get(request["ClientToken"])
        if arn is None:
            arn = self._begin(request, request.get("ExportTime", time.time() - self.behind))
            self._by_token[request["ClientToken"]] = arn
            task = asyncio.create_task(self._end(arn, request))
            self._tasks.add(task)
        return _json({"ExportDescription": self.made[arn]})

    async def _describe(self, request: Mapping[str, Any]) -> Reply:
        found = self.made.get(request["ExportArn"])
        if found is None:
            return _refused("ExportNotFoundException", "The specified export was not found")
        return _json({"ExportDescription": found})

    def _begin(self, request: Mapping[str, Any], moment: float) -> str:
        name = f"{int(time.time() * 1000):014}-{next(self._numbers):08x}"
        arn = f"{request['TableArn']}/export/{name}"
        self.made[arn] = {
            "ExportArn": arn,
            "ExportStatus": "IN_PROGRESS",
            "ExportTime": moment,
            "S3Bucket": request["S3Bucket"],
        }
        return arn

    async def _end(self, arn: str, request: Mapping[str, Any]) -> None:
        """Write what is there now, and tell it when it may be told."""
        if self.failure is None:
            await self._write(arn, request, told=False)
        await self.may_end.wait()
        if self.failure:
            code, words = self.failure
            failed = {"ExportStatus": "FAILED", "FailureCode": code, "FailureMessage": words}
            self.made[arn] |= failed
        else:
            self.made[arn]["ExportStatus"] = "COMPLETED"

    async def _write(self, arn: str, request: Mapping[str, Any], *, told: bool = True) -> None:
        table = arn.split("/")[1]
        described = (await call(self._local, "DescribeTable", {"TableName": table}))["Table"]
        prefix = f"{request['S3Prefix']}/" if "S3Prefix" in request else ""
        moment = datetime.fromtimestamp(self.made[arn]["ExportTime"], UTC)
        summary = {
            "tableArn": described["TableArn"] + "-other" * self.wrong_table,
            "tableId": described.get("TableId"),
            "exportArn": arn,
            "exportTime": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        items = await scan_all(self._local, table)
        self.exported[arn] = len(items)
        export = exports.full(
            items,
            prefix=prefix,
            id=arn.rpartition("/")[2],
            ion=request.get("ExportFormat") == "ION",
            summary=summary,
        )
        await exports.upload(self._s3, request["S3Bucket"], export.objects())
        self.made[arn] |= {"ExportManifest": export.manifest}
        if told:
            self.made[arn]["ExportStatus"] = "COMPLETED"


def _json(body: Mapping[str, Any]) -> Reply:
    reply = Reply(200, b"", JSON).with_json(body)
    return reply.with_checksum(zlib.crc32(reply.body))


def _refused(code: str, words: str) -> Reply:
    return Reply(400, b"", JSON).with_json({"__type": SPACE + code, "message": words})
