"""Texts in which a name identifies the secret: fields, pairs, Kubernetes Secrets."""

import json

from suites.selftest.secret_cases import APPLIED, ENVOY, PW, RICH, SECRET_JSON, SECRET_YAML, case, encoded

NAMED = [
    case("yaml", "password: hunter2\nuser: bob", PW, stays=("user: bob",)),
    case("short", "  pwd: x7!", "x7!"),
    case("rich", f"password: {RICH}\nuser: bob", RICH, "w0rd", "{y}", stays=("user: bob",)),
    case("passphrase", "AssertionError: passphrase: correct horse battery", "horse", "battery"),
    case("env", "DB_PASSWORD=p@ss word #1\nUSER=bob", "p@ss", "word #1", stays=("USER=bob",)),
    case("export", "export API_KEY='abc def'", "abc", "def"),
    case("json", '{"password":"hunter2","user":"bob"}', PW, stays=('"user":"bob"',)),
    case("json-quote", r'{"password": "a\"hunter2", "user": "bob"}', PW, stays=('"user": "bob"',)),
    case("json-number", '{"password": 123456, "user": "bob"}', "123456", stays=('"user": "bob"',)),
    case("python", "{'password': 'hunter2', 'user': 'bob'}", PW, stays=("'user': 'bob'",)),
    case("escaped", r"{\"password\":\"hunter2\",\"user\":\"bob\"}", PW, stays=("user",)),
    case(
        "escaped-twice", r"{\\\"password\\\":\\\"hunter2\\\",\\\"user\\\":\\\"bob\\\"}", PW, stays=("user",)
    ),
    case("single-quoted", "password: 'it''s hunter2'\nuser: bob", PW, stays=("user: bob",)),
    case("go-map", "map[password:hunter2 user:bob]", PW, stays=("user:bob",)),
    case("go-struct", "{User:bob Password:hunter2 Port:80}", PW, stays=("Port:80",)),
    case("logfmt", "msg=login password=hunter2 user=bob", PW, stays=("user=bob",)),
    case("flow", "{password: hunter2, user: bob}", PW, stays=("user: bob",)),
    case("dsn", '"host=db password=hunter2 sslmode=on"', PW, stays=("sslmode=on",)),
    case(
        "in-a-path",
        "cat: can't open '/token=Hunter2hunter2': No such file",
        "Hunter2hunter2",
        stays=("No such",),
    ),
    case(
        "probe", "exec [/usr/bin/cat /token=Hunter2hunter2] delay=0s", "Hunter2hunter2", stays=("delay=0s",)
    ),
    case("bare-cookie", "200 session=hunter2; Path=/; HttpOnly", PW, stays=("Path=/",)),
    case("complex-key", "? password\n: hunter2\nuser: bob", PW, stays=("user: bob",)),
    case("ldap", "ldapsearch -D cn=admin -w hunter2 -b dc=x", PW, stays=("cn=admin",)),
    case("httpie", "http -a bob:hunter2 GET example.org", PW, stays=("example.org",)),
    case("flag", "mytool --password hunter2 --user bob", PW, stays=("--user bob",)),
    case("flag-equals", "mytool --token=hunter2 --user bob", PW, stays=("--user bob",)),
    case("flag-list", '["--password", "hunter2", "--user", "bob"]', PW, stays=('"--user", "bob"',)),
    case("flag-yaml", "args:\n- --api-key\n- hunter2\n- --user", PW, stays=("--user",)),
    case("flag-yaml-equals", 'args:\n- "--password=hunter2 x"\n- --user', "hunter2 x", stays=("--user",)),
    case("curl-user", "curl -u admin:hunter2 https://host/", PW, stays=("https://host/",)),
    case("curl-user-list", "['curl', '--user', 'admin:hunter2', 'x']", PW),
    case("block", "password: |-\n  hunter2\n  more\nuser: bob", PW, "more", stays=("user: bob",)),
    case(
        "block-indicator",
        "a:\n  privateKey: >2+\n     hunter2\n\n    more\n  user: bob",
        PW,
        "more",
        stays=("bob",),
    ),
    case("nested", "authorization:\n  exact: hunter2\nuri: /x", PW, stays=("uri: /x",)),
    case("nested-json", '{"authorization": {"exact": "hunter2"}, "uri": "/x"}', PW, stays=('"uri": "/x"',)),
    case("folded-plain", "password: one\n  hunter2\nuser: bob", PW, stays=("user: bob",)),
    case("quoted-lines", 'password: "one\n  hunter2"\nuser: bob', PW, stays=("user: bob",)),
    case("envoy-key", ENVOY, "abcd-efgh", stays=('"name": "tls"',)),
    case("envoy-key-pretty", json.dumps(json.loads(ENVOY), indent=1), "abcd-efgh", stays=('"name": "tls"',)),
    case("envoy-generic", '{"secret": {"inline_string": "hunter2"}}', PW),
    case(
        "envoy-ticket", '{"session_ticket_keys": {"keys": [{"inline_bytes": "aHVudGVyMg=="}]}}', "aHVudGVyMg"
    ),
    case("proto-text", 'password { inline_string: "x" } password: "hunter2"', PW),
    case("weak-env", "WEBHOOK_SECRET=hunter2", PW),
    case("weak-json", '{"token": "hunter2"}', PW),
    case("weak-prose", "was refused with token: a1b2c3d4", "a1b2c3d4"),
    case("compare", "assert password == 'hunter2'", PW),
    case("prose", "user bob with password 'hunter2' refused", PW, stays=("refused",)),
    case("words", "API key: abc-def", "abc-def"),
    case("xml", "<password>hunter2</password>", PW),
    case("netrc", "machine h login bob password swordfish", "swordfish"),
    case(
        "jwk",
        '{"kty":"RSA","n":"AAAA","d":"c2VjcmV0LXBhcnQtb2Yta2V5"}',
        "c2VjcmV0LXBhcnQ",
        stays=('"n":"AAAA"',),
    ),
    case("prefixed", "[pod/a/b] password: hunter2\nE   password: hunter3", PW, "hunter3"),
    case("diff", "+  password: hunter2\n-  password: hunter3", PW, "hunter3"),
    case("connection", "connectionString: Server=db;Pwd=hunter2", PW),
    case(
        "kubeconfig",
        "users:\n- name: a\n  user:\n    client-key-data: aHVudGVyMg==\n    token: hunter2",
        PW,
        "aHVudGVy",
    ),
    case(
        "string-with-lines",
        json.dumps("user: bob\npassword: |\n  hunter2\n  more\nport: 1"),
        PW,
        "more",
        stays=("port",),
    ),
]
PAIRS = [
    case("compact", '{"name":"DB_PASSWORD","value":"hunter2"}', PW),
    case("pretty", '{\n "name": "DB_PASSWORD",\n "value": "hunter2"\n}', PW),
    case("reversed", '{"value": "hunter2", "name": "DB_PASSWORD"}', PW),
    case(
        "python",
        "[{'name': 'API_TOKEN', 'value': 'hunter2'}, {'name': 'A', 'value': 'b'}]",
        PW,
        stays=("'value': 'b'",),
    ),
    case(
        "yaml", "env:\n- name: DB_PASSWORD\n  value: hunter2\n- name: A\n  value: b", PW, stays=("value: b",)
    ),
    case(
        "yaml-reversed",
        "- value: hunter2\n  name: DB_PASSWORD\n- value: b\n  name: A",
        PW,
        stays=("value: b",),
    ),
    case("yaml-block", "- name: DB_PASSWORD\n  value: |\n    hunter2\n- name: A", PW, stays=("name: A",)),
    case(
        "header-option",
        '{"header": {"key": "authorization", "value": "hunter2"}, "append": true}',
        PW,
        stays=("append",),
    ),
    case(
        "matcher",
        '{"name": "x-api-key", "string_match": {"exact": "hunter2"}, "a": 1}',
        PW,
        stays=('"a": 1',),
    ),
    case("condition", 'when:\n- key: request.headers[authorization]\n  values: ["hunter2"]', PW),
    case("jaeger", '{"key": "http.cookie", "type": "string", "value": "hunter2"}', PW),
    case("escaped", r"[{\"name\":\"DB_PASSWORD\",\"value\":\"hunter2\"}]", PW),
    case("secret-json", SECRET_JSON, encoded("plain-words"), stays=("apiVersion",)),
    case("secret-yaml", SECRET_YAML, encoded("plain-words"), stays=("name: mine",)),
    case(
        "string-data",
        "kind: Secret\nstringData:\n  a: plain words\n  b: |\n    more\ntype: Opaque",
        "plain words",
        "more",
        stays=("Opaque",),
    ),
    case(
        "secret-list",
        "items:\n- apiVersion: v1\n  data:\n    a: cGxhaW4=\n  kind: Secret\n"
        "- data:\n    b: stays\n  kind: ConfigMap",
        "cGxhaW4",
        stays=("b: stays",),
    ),
    case("secret-applied", APPLIED, encoded("plain-words"), stays=("annotations",)),
]
PAIRS += [
    case("call", "EnvVar(name='DB_PASSWORD', value='hunter2')", PW),
    case("call-reversed", "V1EnvVar(value='hunter2', name='DB_PASSWORD')", PW),
    case("struct", "{Name:DB_PASSWORD Value:hunter2 ValueFrom:nil}", PW, stays=("ValueFrom:nil",)),
    case("protobuf", 'header { key: "authorization" value: "hunter2" } x: 1', PW, stays=("x: 1",)),
    case("setting", "kubectl create secret generic x --from-literal=any=hunter2", PW),
]
