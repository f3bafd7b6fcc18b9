"""Reads Kubernetes manifests as YAML, holds them against the schemas of several versions, and writes them as JSON.

Usage: manifests.py VERSION... < manifests.yaml
Exit code 1 and a line for each mistake where a manifest has any.
"""

import json
import sys

import kubernetes_validate
import yaml


def main() -> int:
    manifests = [manifest for manifest in yaml.safe_load_all(sys.stdin) if manifest]
    mistakes = 0
    for version in sys.argv[1:]:
        for manifest in manifests:
            try:
                kubernetes_validate.validate(manifest, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                where = "/".join(str(part) for part in error.path)
                print(f"{version} {manifest['kind']}: {where}: {error.message}", file=sys.stderr)
                mistakes += 1
    json.dump(manifests, sys.stdout)
    return 1 if mistakes or not manifests else 0


sys.exit(main())
