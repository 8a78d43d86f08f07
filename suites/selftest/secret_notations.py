"""Texts in which a name identifies the secret: notations of logs, terminals and programs; more names."""

import json

from suites.selftest.secret_cases import BASIC, BODY, PEM, PW, case, encoded

_LINES = PEM.split("\n")
_HEX = "0123456789abcdef" * 4

LOGS = [
    case(
        "where-attribute",
        "+  where 'ab9q1' = <Config object at 0x7f>.password",
        "ab9q1",
        stays=(".password",),
    ),
    case("where-environment", "+  where 'ab9q1' = os.environ['DB_PASSWORD']", "ab9q1", stays=("os.environ",)),
    case("go-variable", "[{USER bob nil} {DB_PASSWORD hunter2 nil}]", PW, stays=("USER bob",)),
    case("auth-list-yaml", "auth: [admin, hunter2]\na: 1", PW, stays=("a: 1",)),
    case("narrow-blank", "password:\u202fhunter2\nuser", PW, stays=("user",)),
    case(
        "envoy-cookie",
        "request headers complete:\n':path', '/'\n'cookie', 'sid=ab9q1z'\n'x', 'y'",
        "ab9q1z",
        stays=("':path', '/'", "'x', 'y'"),
    ),
    case("envoy-api-key", "'x-api-key', 'k3y9'\n':method', 'GET'", "k3y9", stays=("'GET'",)),
    case("envoy-authorization", "'authorization', 'k3y9zzz'\n':method', 'GET'", "k3y9zzz", stays=("'GET'",)),
    case(
        "proto-key", 'private_key {\n  inline_bytes: "rawkey9"\n}\nname: "x"', "rawkey9", stays=('name: "x"',)
    ),
    case("proto-line", 'private_key { inline_bytes: "rawkey9" } name: "x"', "rawkey9", stays=('name: "x"',)),
    case("proto-password", 'password { inline_string: "x9z" } name: "x"', "x9z", stays=('name: "x"',)),
    case("proto-secret", 'secret { inline_string: "x9z" } name: "x"', "x9z", stays=('name: "x"',)),
    case("proto-generic", 'generic_secret { secret { inline_bytes: "x9z" } }', "x9z"),
    case(
        "colour", '\x1b[94m"password"\x1b[39;49;00m: \x1b[33m"hunter2"\x1b[0m, "a": 1', PW, stays=('"a": 1',)
    ),
    case(
        "colour-yaml", "\x1b[36mpassword\x1b[0m: \x1b[32mhunter2\x1b[0m\nuser: bob", PW, stays=("user: bob",)
    ),
    case("colour-env", "\x1b[1mDB_PASSWORD\x1b[0m=\x1b[31mhunter2\x1b[0m", PW),
    case("markdown", "**password**: hunter2\nuser", PW, stays=("user",)),
    case("markdown-inside", "**Password:** hunter2\nuser", PW, stays=("user",)),
    case("nbsp", "password:\u00a0hunter2\nuser", PW, stays=("user",)),
    case("nbsp-before", "password\u00a0= hunter2\nuser", PW, stays=("user",)),
    case("basic-auth", "HTTPBasicAuth('admin', 'hunter2')", PW, stays=("admin",)),
    case("basic-auth-python", "session.auth = ('admin', 'hunter2')", PW),
    case(
        "where",
        "E   AssertionError: assert 'ab9q1' == 'x'\nE    +  where 'ab9q1' = config.password",
        "'ab9q1' =",
        stays=("config.password",),
    ),
    case("where-call", "+  where 'ab9q1' = get_token()", "ab9q1", stays=("get_token()",)),
    case(
        "cookie", "Cookie(version=0, name='session', value='ab9q1', port=None)", "ab9q1", stays=("port=None",)
    ),
    case(
        "cookie-jar",
        "<RequestsCookieJar[<Cookie sid=ab9q1 for example.org/>]>",
        "ab9q1",
        stays=("example.org",),
    ),
    case("basic-colon", f"Basic: {BASIC}", BASIC),
    case(
        "websocket",
        f"base64url.bearer.authorization.k8s.io.{encoded('ab9q1-token-xyz')}",
        encoded("ab9q1-token-xyz").rstrip("="),
    ),
    case("triple", 'password = """hunter2"""\nuser = 1', PW, stays=("user = 1",)),
    case("triple-lines", 'password = """\nhunter2\nmore\n"""\nuser = 1', PW, "more", stays=("user = 1",)),
    case("go-map-reversed", "map[value:hunter2 name:DB_PASSWORD]", PW, stays=("DB_PASSWORD",)),
    case("go-map-pair", "map[name:DB_PASSWORD value:hunter2] map[name:A value:b]", PW, stays=("value:b",)),
    case("parameter", '{"ParameterKey":"DbPassword","ParameterValue":"hunter2"}', PW),
    case(
        "describe", "Data\n====\npassword:\n----\nhunter2\n\nuser:\n----\nbob\n", PW, stays=("user:", "bob")
    ),
    case("auth-list", '{"auth": ["admin", "hunter2"], "a": 1}', PW, stays=('"a": 1',)),
    case(
        "secrets-map",
        "secrets:\n  foo: hunter2\n  bar: more-words\nuser: bob",
        PW,
        "more-words",
        stays=("user: bob",),
    ),
    case("secrets-json", '{"secret": {"foo": "hunter2"}, "a": 1}', PW, stays=('"a": 1',)),
]
NAMES = [
    case(name, f"{name}: hunter2\nuser: bob", PW, stays=("user: bob",))
    for name in (
        "ldap_bindpw",
        "rootpw",
        "wifi_psk",
        "REDISCLI_AUTH",
        "GITHUB_PAT",
        "CI_JOB_JWT",
        "X-Auth-Key",
        "X-Auth",
        "x-functions-key",
        "OVH_CONSUMER_KEY",
        "SecretString",
        "secret_id",
        "secret-value",
        "tokenValue",
        "token_value",
        "code_verifier",
        "client_assertion",
        "id_token_hint",
        "jwt",
        "motdepasse",
        "mot_de_passe",
        "senha",
        "clave",
        "wachtwoord",
        "VAULT_SECRET_ID",
        "SecretBinary",
        "contraseña",
    )
] + [
    case(
        "certificate-key",
        f"kubeadm init phase upload-certs --certificate-key {_HEX} --x",
        _HEX,
        stays=("--x",),
    ),
    case("certificate-key-said", f"Using certificate key:\n{_HEX}\ndone", _HEX, stays=("done",)),
]
BROKEN = [
    case(
        f"{where}-{name}",
        "\n".join(f"{prefix}{line}" for line in [*before, *lines, *after]),
        *gone,
        stays=("a log line, no key",),
    )
    for name, prefix in {
        "cri": "2024-01-01T00:00:00.123456789Z stdout F ",
        "klog": "I0101 00:00:00.123456       1 main.go:12] ",
        "compose": "web-1  | ",
        "compose-short": "web | ",
        "journal": "Jan 01 00:00:00 host app[12]: ",
    }.items()
    for where, before, lines, after, gone in (
        ("no-head", ["a log line, no key"], _LINES[2:], [], BODY[1:]),
        ("no-tail", [], _LINES[:4], ["a log line, no key"], BODY[:3]),
        ("neither", ["a log line, no key"], _LINES[2:5], ["a log line, no key"], BODY[1:4]),
    )
] + [
    case(
        "docker-json",
        "\n".join(json.dumps({"log": f"{line}\n", "stream": "stdout"}) for line in _LINES),
        *BODY,
    ),
    case(
        "docker-json-no-head",
        "\n".join(json.dumps({"log": f"{line}\n", "stream": "stdout"}) for line in _LINES[2:]),
        *BODY[1:],
    ),
    case(
        "docker-json-no-tail",
        "\n".join(json.dumps({"log": f"{line}\n", "stream": "stdout"}) for line in _LINES[:4]),
        *BODY[:3],
    ),
    case("literals", "\n".join(f"E         -  '{line}\\n'" for line in _LINES), *BODY),
    case("literals-no-head", "\n".join(f"E         -  '{line}\\n'" for line in _LINES[2:]), *BODY[1:]),
    case("literals-no-tail", "\n".join(f"E         -  '{line}\\n'" for line in _LINES[:4]), *BODY[:3]),
    case("literals-list", ",\n".join(f"    '{line}'" for line in _LINES[2:]), *BODY[1:]),
    *(
        case(
            f"width-{width}",
            "\n".join(["a log line", *[whole[at : at + width] for at in range(0, len(whole), width)][1:]]),
            whole[width : 2 * width],
            whole[-30:],
            stays=("a log line",),
        )
        for width in (48, 60)
        for whole in ["".join(BODY * 2)]
    ),
    case(
        "openssl-text",
        "RSA Private-Key: (2048 bit)\nmodulus:\n    00:aa:bb\npublicExponent: 65537 (0x10001)\n"
        "privateExponent:\n    3a:1f:9c:\n    de:ad:be\nprime1:\n    00:f1:22:33\nexponent1:\n    77:88\n"
        "coefficient:\n    99:ab\ndone: yes",
        "3a:1f:9c",
        "de:ad:be",
        "f1:22:33",
        "77:88",
        "99:ab",
        stays=("00:aa:bb", "65537", "done: yes"),
    ),
    case(
        "openssl-ec",
        "Private-Key: (256 bit)\npriv:\n    3a:1f:9c:\n    de:ad\npub:\n    04:11:22",
        "3a:1f:9c",
        "de:ad",
        stays=("04:11:22",),
    ),
]
