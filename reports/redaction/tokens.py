"""Tokens and keys that are known by their form: a table of prefixes, and detect-secrets' detectors.

detect-secrets' detectors by entropy and by keyword are left out: they report request ids and digests, which
are the evidence. Source of the table: each vendor's documentation of its format, as collected in gitleaks'
rules and in GitHub's list of supported secret scanning patterns.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from detect_secrets.plugins import (
    artifactory,
    aws,
    azure_storage_key,
    cloudant,
    discord,
    github_token,
    gitlab_token,
    ibm_cloud_iam,
    ibm_cos_hmac,
    mailchimp,
    openai,
    pypi_token,
    sendgrid,
    slack,
    softlayer,
    square_oauth,
    stripe,
    telegram_token,
    twilio,
)

from reports.redaction.fields import looks_secret
from reports.redaction.scan import Span

#: Lines of more characters are given to detect-secrets in windows of this size.
WINDOW, OVERLAP = 4000, 300

_PREFIXED = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{20,}"  # GitHub
    # GitLab
    r"|gl(?:pat|rt|dt|ptt|cbt|ft|soat|agent|imt|oas|feat|ffct|rtr|wt)-[\w.-]{16,}|GR1348941[\w-]{16,}"
    r"|ATBB[A-Za-z0-9]{20,}|ATATT3[\w=-]{20,}|ATCTT3[\w=-]{20,}|BBDC-[A-Za-z0-9+/]{20,}"  # Atlassian
    r"|npm_[A-Za-z0-9]{20,}|pypi-[\w-]{30,}|dckr_(?:pat|oat)_[\w-]{20,}|rubygems_[a-f0-9]{40,}|cio[a-z]{1,3}[A-Za-z0-9]{30,}"
    # AWS
    r"|(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{12,}|amzn\.mws\.[\w-]{20,}|bedrock-api-key-[\w-]{20,}"
    r"|AIza[\w-]{30,}|ya29\.[\w-]{10,}|GOCSPX-[\w-]{16,}|1//0[\w-]{20,}|AQ\.[A-Za-z0-9_-]{40,}"  # Google
    r"|hv[sbr]\.[\w-]{16,}|s\.[A-Za-z0-9]{24}(?![\w.-])|atlasv1\.[\w-]{40,}"  # HashiCorp
    r"|do[opr]_v1_[a-f0-9]{40,}|sk-(?:ant-|proj-|svcacct-|or-)?[\w-]{20,}|hf_[A-Za-z]{20,}|r8_\w{30,}|gsk_\w{30,}|xai-\w{40,}"
    r"|xox[abeoprs]-[\w-]{10,}|xapp-\d-[\w-]{10,}|SG\.[\w-]{16,}\.[\w-]{16,}|key-[a-f0-9]{32}"
    r"|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{24,}|gl(?:sa|c)_[\w+/=-]{20,}|NRAK-[A-Z0-9]{20,}|NR(?:II|JS|AA)-[\w-]{16,}"
    r"|AGE-SECRET-KEY-1[A-Z0-9]{20,}|lin_(?:api|oauth)_[A-Za-z0-9]{20,}|dapi[a-f0-9]{30,}|sq0[a-z]{3}-[\w-]{20,}|EAAA[\w-]{56,}"
    r"|(?:sk|rk|pk|whsec)_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{20,}|PMAK-[a-f0-9-]{40,}|pul-[a-f0-9]{40}"
    r"|sntry[su]_[\w=+/-]{30,}|tskey-[a-z]+-[\w-]{16,}|secret_[A-Za-z0-9]{40,}|ntn_[A-Za-z0-9]{40,}|figd_[\w-]{30,}|sbp_[a-f0-9]{40}"
    r"|CCIPAT_\w{20,}|bkua_[a-f0-9]{30,}|doo_v1_\w{40,}|fo1_\w{40,}|FlyV1 \S{40,}|cfut_\w{30,}"
    r"|v1\.0-[a-f0-9]{24}-[a-f0-9]{140,}"
    r"|kubeconfig-[\w-]+:[a-z0-9]{50,}|sha256~[\w-]{40,}|pat[A-Za-z0-9]{14}\.[a-f0-9]{60,}|ops_eyJ[\w-]{50,}"
    r"|\d{8,10}:AA[\w-]{32,}|AC[a-f0-9]{32}(?=\W)|SK[a-f0-9]{32}|EAACEdEose0cBA\w+|[a-z0-9]{32}-us\d{1,2}(?!\w)"
    r"|IQoJb3JpZ2luX2Vj[\w+/=%-]{20,}|FwoGZXIv[\w+/=%-]{20,}|GOOG[A-Z0-9]{20,}|k8s-aws-v1\.[\w-]{20,}"
    r"|K10[0-9a-f]{32,}::(?:server:|node:)?[\w.-]+|sq[pua]_[a-f0-9]{40}|sgp_[\w]{32,}|nf[pc]_[A-Za-z0-9]{30,}"
    r"|dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{20,}|pscale_(?:pw|tkn|oauth)_[\w.-]{20,}|xkeysib-[a-f0-9]{32,}-\w+"
    r"|EZ[AT]K[A-Za-z0-9]{40,}|duffel_(?:live|test)_[\w=-]{20,}|cmVmdGtuOjAx[\w=-]{30,}|AKCp[A-Za-z0-9]{60,}"
    r"|[\w~-]{3}8Q~[\w~.-]{31,34}"  # Microsoft Entra ID client secrets
    r")"
)
_FORMED = re.compile(
    # JSON web tokens, signed and encrypted; kubeadm's bootstrap tokens; hashes of passwords.
    r"(?<![\w-])eyJ[\w-]{5,}+(?:\.[\w-]*+)*\.[\w-]{8,}+(?:\.[\w-]*+)*"
    r"|\{(?:S?SHA(?:256|384|512)?|SSHA\d*|CRYPT|MD5|SMD5|PBKDF2[\w-]*|ARGON2)\}[A-Za-z0-9+/=$.,{}-]{8,}"
    r"|\$(?:2[abxy]?|apr1|[156y7]|argon2(?:id?|d)|pbkdf2[\w-]*|scrypt|sha1|md5)\$[./A-Za-z0-9$=,+_-]{8,}"
    r"|pbkdf2_sha\d+\$\d+\$[^\s\"']{20,}|\*[0-9A-F]{40}(?!\w)|SCRAM-SHA-\d+\$[^\s\"']{20,}"
    r"|https://hooks\.slack\.com/(?:services|workflows)/[\w/+-]{20,}"
    r"|https://(?:\w+\.)?discord(?:app)?\.com/api/webhooks/[\w/-]{20,}|https://[\w.-]+\.webhook\.office\.com/\S{20,}"
)
_BOOTSTRAP = re.compile(r"(?<![\w.-])[a-z0-9]{6}\.(?P<suffix>[a-z0-9]{16})(?![\w.-])")
#: The name of an Event ends with nanoseconds since 1970 in hex, which begin so from 2014 to 2051.
_EVENT = re.compile(r"1[3-9a-f][0-9a-f]{14}")
_NEAR = re.compile(r"token|bootstrap|kubeadm|join", re.IGNORECASE)
#: What a challenge says, and no credentials.
_CHALLENGE = re.compile(r"(?:realm|scope|error|charset|authorization_uri|resource_metadata|service)=")
_PAIRS = re.compile(
    r"\b(?:AccountKey|SharedAccessKey|SharedAccessSignature|SharedSecret)=(?P<value>[^\s;\"'<>]{8,})"
    r"|\b(?i:aws)[\w .-]{0,20}(?i:secret"
    r"|key)[\w .-]{0,20}[\"' :=]{1,6}(?P<aws>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+])"
    r"|(?:AKIA|ASIA)[A-Z0-9]{12,28}[\s:,;|\"']{1,4}(?P<beside>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+])"
)
_SCHEME = re.compile(
    r"(?<![\w-])(?i:(?P<scheme>basic|bearer|negotiate|ntlm|apikey|api-key|genie-?key|sso-key|ssws|splunk|dpop|pve))"
    r":?(?:[ \t]|%20|\+){1,4}+[\"']?(?P<value>[\w.~+/=!$%^&*:-]{4,})"
)
#: Each detector, and words in lower case: it finds nothing in a text without any of them. npm's is left
#: out: its expression takes the square of a line's length, and the field rules know `_authToken`.
_PLUGINS: Mapping[Any, tuple[str, ...]] = {
    artifactory.ArtifactoryDetector: ("akc", "ap"),
    aws.AWSKeyDetector: ("aws", "akia", "asia", "abia", "acca", "a3t"),
    azure_storage_key.AzureStorageKeyDetector: ("accountkey",),
    cloudant.CloudantDetector: ("cloudant", "clou", "cl_", "cl-"),
    discord.DiscordBotTokenDetector: ("m", "n", "o"),
    github_token.GitHubTokenDetector: ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    gitlab_token.GitLabTokenDetector: ("gl", "gr1348941"),
    ibm_cloud_iam.IbmCloudIamDetector: ("ibm", "iam", "cloud"),
    ibm_cos_hmac.IbmCosHmacDetector: ("ibm", "cos", "secret"),
    mailchimp.MailchimpDetector: ("-us",),
    openai.OpenAIDetector: ("t3blbkfj",),
    pypi_token.PypiTokenDetector: ("pypi-",),
    sendgrid.SendGridDetector: ("sg.",),
    slack.SlackDetector: ("xox", "hooks.slack.com"),
    softlayer.SoftlayerDetector: ("softlayer", "sl_", "sl-"),
    square_oauth.SquareOAuthDetector: ("sq0csp-",),
    stripe.StripeDetector: ("k_live_",),
    telegram_token.TelegramBotTokenDetector: (":",),
    twilio.TwilioKeyDetector: ("ac", "sk"),
}


def spans(text: str) -> Iterator[Span]:
    """Where such tokens are."""
    yield from (found.span() for found in _PREFIXED.finditer(text))
    yield from (found.span() for found in _FORMED.finditer(text))
    for found in _PAIRS.finditer(text):
        yield found.span(found.lastgroup or 0)
    yield from _bootstrap_tokens(text)
    for found in _SCHEME.finditer(text):
        if _credentials(found["scheme"].lower(), found["value"]):
            yield found.span("value")
    lowered = text.lower()
    for hints, expressions in _detectors():
        if any(hint in lowered for hint in hints):
            for start, window in _windows(text, lowered, hints):
                for expression in expressions:
                    found_here = map(_secret, expression.finditer(window))
                    yield from ((start + each[0], start + each[1]) for each in found_here)


def _bootstrap_tokens(text: str) -> Iterator[Span]:
    for found in _BOOTSTRAP.finditer(text):
        near = text[max(0, found.start() - 60) : found.start()]
        if not _EVENT.fullmatch(found["suffix"]) or _NEAR.search(near):
            yield found.span()


def _credentials(scheme: str, value: str) -> bool:
    if _CHALLENGE.match(value):
        return False
    if scheme == "basic":
        try:
            decoded = base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
        except (ValueError, binascii.Error):
            return False
        return b":" in decoded and decoded.isascii()
    return looks_secret(value) or (len(value) >= 12 and not value.isalpha())


def _secret(found: "re.Match[str]") -> Span:
    """The last group that matched, or all of it: some detectors match the name along."""
    return found.span(found.lastindex) if found.lastindex else found.span()


def _windows(text: str, lowered: str, hints: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Parts of the text that overlap, those without a hint left out."""
    for start in range(0, max(1, len(text) - OVERLAP), WINDOW - OVERLAP):
        if any(lowered.find(hint, start, start + WINDOW) >= 0 for hint in hints):
            yield start, text[start : start + WINDOW]


@lru_cache(maxsize=1)
def _detectors() -> tuple[tuple[tuple[str, ...], tuple["re.Pattern[str]", ...]], ...]:
    return tuple((hints, tuple(plugin().denylist)) for plugin, hints in _PLUGINS.items())
