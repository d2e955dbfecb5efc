"""Examples of clusters: their commands parse, and names, ports and variables fit together."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from alternator_migrate.cli.main import cli
from alternator_migrate.config.loading import load
from alternator_migrate.engines.dask import AT_ONCE
from alternator_migrate.migration.shards import Part, check_settings
from tests.servers.cli import REPOSITORY

EXAMPLES = REPOSITORY / "examples"
DASK = EXAMPLES / "dask"
KUBERNETES = EXAMPLES / "kubernetes"
MANIFESTS = ("common.yaml", "dask.yaml", "follower.yaml", "indexed-job.yaml", "job.yaml")
OLDEST_KUBERNETES = "1.29"
USER = 10001

Described = dict[str, Any]


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALTERNATOR_SECRET", "secret")


def services() -> Described:
    return dict(yaml.safe_load((DASK / "compose.yaml").read_text())["services"])


def described(manifest: str) -> list[Described]:
    return list(yaml.safe_load_all((KUBERNETES / manifest).read_text()))


def pods() -> Iterator[tuple[str, Described, Described]]:
    """Kind, pod and container of all that runs in the manifests."""
    for manifest in MANIFESTS:
        for each in described(manifest):
            if "template" in each.get("spec", {}):
                pod = each["spec"]["template"]["spec"]
                (container,) = pod["containers"]
                yield each["kind"], pod, container


def parsed(arguments: list[str]) -> Described:
    """The options of a command line of the tool."""
    name, *rest = [word.replace("$(JOB_COMPLETION_INDEX)", "7") for word in arguments]
    return dict(cli.commands[name].make_context(name, rest).params)


def option(words: list[str], name: str) -> str:
    return words[words.index(name) + 1]


def variables(config: Path) -> set[str]:
    return set(re.findall(r"^[^#]*\$\{(\w+)", config.read_text(), re.MULTILINE))


@pytest.mark.parametrize("folder", [DASK, KUBERNETES], ids=lambda folder: folder.name)
def test_configurations_load_and_hold_no_secret(folder: Path) -> None:
    found = load(folder / "config.yaml", {})
    assert found.warnings == ()
    assert found.settings.savepoints.path == "/app/savepoints"
    assert variables(folder / "config.yaml") == {"ALTERNATOR_SECRET"}


def test_compose_runs_on_its_own_scheduler() -> None:
    found = services()
    options = parsed(found["migrate"]["command"])
    assert (options["engine"], options["scheduler"]) == ("dask", "tcp://scheduler:8786")
    assert option(found["scheduler"]["command"], "--port") == "8786"
    assert found["worker"]["command"][0] == options["scheduler"]
    assert option(found["worker"]["command"], "--nthreads") == str(AT_ONCE)


def test_compose_gives_workers_what_the_configuration_names() -> None:
    found = services()
    for name in ("worker", "migrate"):
        assert variables(DASK / "config.yaml") <= set(found[name]["environment"])
    assert "./config.yaml:/app/config.yaml:ro" in found["migrate"]["volumes"]
    assert {service["image"] for service in found.values()} == {"alternator-migrate"}
    build = found["migrate"]["build"]
    assert (DASK / build["context"] / build["dockerfile"]).exists()
    lock = (REPOSITORY / "compose" / "requirements.lock").read_text()
    assert "distributed==" in lock


def test_kubernetes_runs_on_its_own_scheduler() -> None:
    by_name = {(each["kind"], each["metadata"]["name"]): each for each in described("dask.yaml")}
    service = by_name["Service", "dask-scheduler"]["spec"]
    labels = by_name["Deployment", "dask-scheduler"]["spec"]["template"]["metadata"]["labels"]
    assert service["selector"] == labels
    address = f"tls://dask-scheduler:{service['ports'][0]['port']}"
    containers = {container["name"]: container for _, _, container in pods()}
    assert option(containers["scheduler"]["args"], "--port") == address.rpartition(":")[2]
    assert containers["worker"]["args"][0] == address
    assert option(containers["worker"]["args"], "--nthreads") == str(AT_ONCE)
    (options,) = [options for options in runs() if options["engine"] == "dask"]
    assert options["scheduler"] == address


def runs() -> list[Described]:
    return [parsed(box["args"]) for _, _, box in pods() if box["args"][0] == "run"]


def test_all_that_touch_a_table_have_the_secret_and_the_account() -> None:
    for _, pod, container in pods():
        if container["name"] != "scheduler":
            assert {"secretRef": {"name": "migration"}} in container["envFrom"]
            assert pod["serviceAccountName"] == "migration"


def test_jobs_mount_the_configuration_and_keep_savepoints() -> None:
    claims = {
        each["metadata"]["name"]
        for manifest in MANIFESTS
        for each in described(manifest)
        if each["kind"] == "PersistentVolumeClaim"
    }
    for kind, pod, container in pods():
        if kind == "Job" or container["name"] == "follow":
            mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
            assert container["args"][1] == f"{mounts['config']}/config.yaml"
            assert mounts["savepoints"] == "/app/savepoints"
            volumes = {each["name"]: each for each in pod["volumes"]}
            assert volumes["savepoints"]["persistentVolumeClaim"]["claimName"] in claims
            assert pod["securityContext"]["fsGroup"] == USER
            assert pod.get("restartPolicy", "Never") == "Never"


def test_every_index_is_a_shard_and_a_last_job_finishes() -> None:
    jobs = {each["metadata"]["name"]: each for each in described("indexed-job.yaml")}
    count = jobs["migration-shards"]["spec"]["completions"]
    assert jobs["migration-shards"]["spec"]["completionMode"] == "Indexed"
    shards = [options["shard"] for options in runs() if options["shard"]]
    assert shards == [Part(7, count), Part(None, count)]
    settings = load(KUBERNETES / "config.yaml", {}).settings
    check_settings(shards[0], settings)


def test_exit_codes_that_no_retry_mends() -> None:
    for manifest in MANIFESTS:
        for each in described(manifest):
            if rules := each.get("spec", {}).get("podFailurePolicy", {}).get("rules"):
                evicted, final = rules
                assert evicted["action"] == "Ignore"
                assert evicted["onPodConditions"] == [
                    {"type": "DisruptionTarget", "status": "True"}
                ]
                assert final["onExitCodes"] == {"operator": "In", "values": [2, 3]}


def manifests() -> list[tuple[str, Described]]:
    return [(f"{name} {each['kind']}", each) for name in MANIFESTS for each in described(name)]


@pytest.mark.parametrize(("name", "manifest"), manifests(), ids=str)
def test_manifests_are_of_kubernetes_own_schema(name: str, manifest: Described) -> None:
    validator = pytest.importorskip("kubernetes_validate")
    validator.validate(manifest, OLDEST_KUBERNETES, strict=True)


def test_kube_score_has_nothing_to_say() -> None:
    if not (program := shutil.which("kube-score")):
        pytest.skip("no kube-score: go install github.com/zegl/kube-score/cmd/kube-score@latest")
    command = [program, "score", "--output-format", "ci"]
    command += ["--kubernetes-version", f"v{OLDEST_KUBERNETES}"]
    command += [str(KUBERNETES / name) for name in MANIFESTS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    told = [line for line in done.stdout.splitlines() if not line.startswith(("[OK]", "[SKIPPED]"))]
    assert (done.returncode, told) == (0, []), done.stderr


def test_pods_pass_pod_security_restricted() -> None:
    found = list(pods())
    assert len(found) == 7
    for _, pod, container in found:
        whole, own = pod["securityContext"], container["securityContext"]
        assert whole["runAsNonRoot"] is True
        assert whole["runAsUser"] == whole["fsGroup"] == USER
        assert whole["seccompProfile"] == {"type": "RuntimeDefault"}
        assert own["allowPrivilegeEscalation"] is False
        assert own["readOnlyRootFilesystem"] is True
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert pod["automountServiceAccountToken"] is False
        assert not any("hostPath" in volume for volume in pod["volumes"])


def test_pods_say_what_they_need_and_can_write_where_they_must() -> None:
    for _, pod, container in pods():
        for bound in ("requests", "limits"):
            assert {"cpu", "memory", "ephemeral-storage"} <= set(container["resources"][bound])
        mounted = {each["name"]: each for each in container["volumeMounts"]}
        assert mounted["tmp"]["mountPath"] == "/tmp"
        assert set(mounted) == {volume["name"] for volume in pod["volumes"]}


def test_every_pod_is_under_a_network_policy() -> None:
    by_kind = [each for _, each in manifests() if each["kind"] == "NetworkPolicy"]
    governed = {
        value
        for policy in by_kind
        for expression in policy["spec"]["podSelector"]["matchExpressions"]
        for value in expression["values"]
    }
    labels = {
        each["spec"]["template"]["metadata"]["labels"]["app"]
        for _, each in manifests()
        if "template" in each.get("spec", {})
    }
    assert labels == governed
    assert all(set(each["spec"]["policyTypes"]) == {"Ingress", "Egress"} for each in by_kind)


def test_the_follower_is_probed_where_it_listens() -> None:
    (follower,) = described("follower.yaml")
    (container,) = follower["spec"]["template"]["spec"]["containers"]
    assert follower["spec"]["strategy"] == {"type": "Recreate"}
    assert follower["spec"]["replicas"] == 1
    port = option(container["args"], "--status").rpartition(":")[2]
    assert container["ports"] == [{"name": "status", "containerPort": int(port)}]
    for probe in ("startupProbe", "livenessProbe"):
        asked = container[probe]["httpGet"]
        assert (asked["path"], asked["port"]) == ("/healthz", "status")


def test_dask_speaks_tls_alone() -> None:
    for kind, _, container in pods():
        if "dask" in str(container.get("command", container["args"])):
            names = {each["name"]: each["value"] for each in container["env"]}
            assert names["DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION"] == "true", kind
            assert "tcp://" not in str(container)


def test_the_readme_of_the_examples_names_them() -> None:
    text = (EXAMPLES / "README.md").read_text()
    assert all(f"(kubernetes/{manifest})" in text for manifest in MANIFESTS)
    assert "(dask)" in text
