"""
Every setting, read from the environment in this one file.

What must be set in production: SECRET_KEY, DATABASE_URL, REDIS_URL, ALLOWED_HOSTS, BASE_URL.
`make demo` sets all of them, and REGULARS_LOCAL, which allows plain http and loopback webhooks.
"""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
import structlog
from celery.schedules import crontab
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

# What kind of place this is -------------------------------------------------------------------

DEBUG = env.bool("DEBUG", default=False)
LOCAL = env.bool("REGULARS_LOCAL", default=False)
SECRET_KEY = env.str("SECRET_KEY")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
BASE_URL = env.str("BASE_URL", default="http://127.0.0.1:8000" if LOCAL else "https://localhost")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[urlsplit(BASE_URL).hostname])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[BASE_URL])
VAR_DIR = Path(env.str("REGULARS_VAR", default=str(BASE_DIR / "var")))

# Parts ----------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "integrations",
    "rewards",
    "members",
    "loyalty.core",
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "pgtrigger",
    "pghistory",
    "csp",
]

# The pages' middlewares step aside for the API: see `loyalty.core.middleware`.
MIDDLEWARE = [
    "loyalty.core.middleware.RequestIdMiddleware",
    "loyalty.core.middleware.HostMiddleware",
    "integrations.api.traffic.TrafficMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "loyalty.core.middleware.PageWhiteNoiseMiddleware",
    "loyalty.core.middleware.PageCSPMiddleware",
    "loyalty.core.middleware.PageSessionMiddleware",
    "loyalty.core.middleware.PageLocaleMiddleware",
    "loyalty.core.middleware.PageCommonMiddleware",
    "loyalty.core.middleware.PageCsrfViewMiddleware",
    "loyalty.core.middleware.PageAuthenticationMiddleware",
    "loyalty.core.middleware.PageMessageMiddleware",
    "loyalty.core.middleware.PageXFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "loyalty.core.middleware.PageHistoryMiddleware",
    "loyalty.core.middleware.CurrentProgramMiddleware",
]

ROOT_URLCONF = "loyalty.urls"
WSGI_APPLICATION = "loyalty.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Database, cache, queue ------------------------------------------------------------------------

DATABASES: dict[str, dict[str, Any]] = {"default": env.db("DATABASE_URL")}
DATABASES["default"].update(
    CONN_MAX_AGE=env.int("DATABASE_CONN_MAX_AGE", default=600),
    CONN_HEALTH_CHECKS=False,
)
DATABASES["default"].setdefault("OPTIONS", {}).update(
    # Plans of the ledger's statements do not depend on their values: plan once. Work in the background
    # waits for locks as long as it takes; `loyalty.wsgi` says how long somebody is kept waiting.
    options="-c plan_cache_mode=force_generic_plan -c jit=off"
    f" -c lock_timeout={env.str('DATABASE_LOCK_TIMEOUT', default='0')}",
    # Without a threshold psycopg prepares nothing, whatever `loyalty.core.db.fetch` asks for. (The ORM's
    # statements, bound on the client, are never prepared.)
    prepare_threshold=5,
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        # Seconds. Without them, a page waits for as long as a machine that is gone says nothing.
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    }
}

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "loyalty.core.scheduling:Scheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "worker heartbeat": {"task": "loyalty.core.tasks.beat", "schedule": 10.0, "options": {"expires": 10}},
    "deliver webhooks": {
        "task": "integrations.tasks.deliver_webhooks",
        "schedule": 1.0,
        "options": {"expires": 5},
    },
    "expire points": {
        "task": "members.tasks.expire_points",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "expire holds": {
        "task": "members.tasks.expire_holds",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "expire redemptions": {
        "task": "rewards.tasks.expire_redemptions",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "expire checkouts": {
        "task": "rewards.tasks.expire_checkouts",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "apply waiting returns": {
        "task": "rewards.tasks.apply_waiting_returns",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "forget unclaimed sales": {
        "task": "rewards.tasks.forget_unclaimed_sales",
        "schedule": crontab(hour=4, minute=10),
        "options": {"expires": 3600},
    },
    "keep campaign audiences": {
        "task": "rewards.tasks.keep_campaign_audiences",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "count campaign days": {
        "task": "rewards.tasks.count_campaign_days",
        "schedule": 300.0,
        "options": {"expires": 300},
    },
    "measure campaigns": {
        "task": "rewards.tasks.measure_campaigns",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "watch budgets": {
        "task": "rewards.tasks.watch_budgets",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "pick up backtests": {
        "task": "rewards.tasks.pick_up_backtests",
        "schedule": 15.0,
        "options": {"expires": 15},
    },
    "turn campaigns": {
        "task": "rewards.tasks.turn_campaigns",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "notice occasions": {
        "task": "integrations.tasks.notice_occasions",
        "schedule": 5.0,
        "options": {"expires": 5},
    },
    "go through days": {
        "task": "rewards.tasks.go_through_days",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "move test clocks": {
        "task": "integrations.tasks.move_test_clocks",
        "schedule": 5.0,
        "options": {"expires": 5},
    },
    "check the ledgers": {
        "task": "rewards.tasks.check_ledgers",
        "schedule": crontab(hour=3, minute=30),
        "options": {"expires": 3600},
    },
    "undo expiry runs": {
        "task": "members.tasks.undo_expiry_runs",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "move pending points": {
        "task": "members.tasks.move_pending_points",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "warn of expiry": {
        "task": "members.tasks.warn_of_expiry",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "expire approvals": {
        "task": "loyalty.core.tasks.expire_approvals",
        "schedule": 300.0,
        "options": {"expires": 300},
    },
    "prune idempotency records": {
        "task": "loyalty.core.tasks.prune_idempotency_records",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "prune calls": {
        "task": "integrations.tasks.prune_calls",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "prune deliveries": {
        "task": "integrations.tasks.prune_deliveries",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "prune access tokens": {
        "task": "integrations.tasks.prune_access_tokens",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    # At the start of each hour, and so of each local day: ages, birthdays and "the last 30 days" move then.
    "refresh segments": {
        "task": "rewards.tasks.refresh_segments",
        "schedule": crontab(minute=2),
        "options": {"expires": 3000},
    },
    "learn known values": {
        "task": "rewards.tasks.learn_known_values",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
}

# People ----------------------------------------------------------------------------------------

AUTH_USER_MODEL = "core.User"
AUTHENTICATION_BACKENDS = [
    "loyalty.core.roles.RoleBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")
ACCOUNT_ADAPTER = "loyalty.core.accounts.StaffAccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = reverse_lazy("account_login")
ACCOUNT_RATE_LIMITS = {"login": "60/m/ip", "login_failed": "10/m/ip,5/5m/key"}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Regulars"
MFA_TOTP_TOLERANCE = 1  # clocks of phones differ
EMAIL_CONFIG = env.email("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)

# Partner API -----------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["integrations.api.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["loyalty.core.api.auth.HasScope"],
    "DEFAULT_PARSER_CLASSES": ["loyalty.core.api.parsing.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["loyalty.core.api.rendering.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "loyalty.core.api.schema.OperationSchema",
    "EXCEPTION_HANDLER": "loyalty.core.api.problem.handle",
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "loyalty.core.api.rendering.JSONOnly",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Regulars partner API",
    "DESCRIPTION": (
        "Members, their points, tiers and rewards, for tills, shops and apps.\n\n"
        "- **Who calls** is said by an API key or an OAuth 2 access token in `Authorization: Bearer`,"
        " never in a URL.\n"
        "- **Errors** are `application/problem+json` (RFC 9457): programs go by `code`, people by `detail`.\n"
        "- **Repeats** are safe: a POST takes an `Idempotency-Key`, and its repeat gets the first answer.\n"
        '- **Money** is `{"amount": "12.50", "currency": "EUR"}`, points are whole numbers, times are'
        " ISO 8601 with an offset.\n"
        "- Unknown fields are refused. `X-Request-Id` is in every answer and in our logs."
    ),
    "LICENSE": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
    "SERVERS": [{"url": BASE_URL}],
    # In the order of a member's life; `tests/test_schema.py` holds them to what operations name.
    "TAGS": [
        {"name": "Connection", "description": "Whether it is there, and what your credential may do."},
        {"name": "Members", "description": "Who they are, what they have, and what they may be told."},
        {
            "name": "Points",
            "description": "Hold, settle, transfer and adjust them; decide about pending ones.",
        },
        {"name": "Transactions", "description": "Sales and returns: record, preview, correct, claim them."},
        {"name": "Events", "description": "Tell what else members do, and read what happened here."},
        {
            "name": "Campaigns",
            "description": "What earns more at present, how it does, and what it would give.",
        },
        {"name": "Tiers", "description": "The levels that members reach, and what they bring."},
        {
            "name": "Segments",
            "description": "Groups of members; lists are kept by you, others by their rules.",
        },
        {"name": "Rewards", "description": "What points buy: the catalogue, and redemptions of it."},
        {"name": "Vouchers", "description": "Codes that rewards brought: check, use, give back, void them."},
        {"name": "Checkouts", "description": "A basket that points, rewards and vouchers pay a part of."},
        {"name": "Referrals", "description": "Members who bring friends."},
        {"name": "Sandbox", "description": "A clock that you move, sample members and events, and a reset."},
    ],
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    # Laying out every operation and every schema at once would keep a browser busy for a minute.
    "SWAGGER_UI_SETTINGS": {
        "deepLinking": True,
        "docExpansion": "none",
        "defaultModelsExpandDepth": -1,
        "filter": True,
    },
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": False,
    "SCHEMA_PATH_PREFIX": "/v1",
    "POSTPROCESSING_HOOKS": [
        "integrations.api.glossary.describe",
        "loyalty.core.api.links.add",
        "loyalty.core.api.schema.leave_problems_open",
        "loyalty.core.api.sharing.share",
    ],
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024

# Calls of a credential that has no limits of its own, and calls without a valid one from an address.
API_CALLS_PER_MINUTE = env.int("API_CALLS_PER_MINUTE", default=3_000)
API_CALLS_PER_HOUR = env.int("API_CALLS_PER_HOUR", default=100_000)
API_STRANGERS_PER_MINUTE = env.int("API_STRANGERS_PER_MINUTE", default=120)

# The log of calls: seconds between two writings (0: only when told to), and how long it is kept.
CALLS_ARE_WRITTEN_EVERY = env.float("CALLS_ARE_WRITTEN_EVERY", default=1.0)
CALLS_ARE_KEPT_DAYS = env.int("CALLS_ARE_KEPT_DAYS", default=30)

# Webhooks: keys that encrypt the endpoints' secrets; the first one encrypts, all of them decrypt.
FIELD_KEYS = env.list("FIELD_KEYS", default=[SECRET_KEY])
WEBHOOKS_MAY_USE_LOOPBACK = env.bool("WEBHOOKS_MAY_USE_LOOPBACK", default=LOCAL)

# Languages, static files --------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English"))]
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
USE_THOUSAND_SEPARATOR = True
FORMAT_MODULE_PATH = ["loyalty.core.formats"]

STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(BASE_DIR / "static")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "loyalty.core.static_files.StaticFiles"
    },
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = [
    "jpg",
    "jpeg",
    "png",
    "gif",
    "webp",
    "gz",
    "br",
    "woff",
    "woff2",
    "map",
]

# Security ------------------------------------------------------------------------------------------

# Not found by their names, as they are there as subclasses: `PageXFrameOptionsMiddleware` and
# `PageCsrfViewMiddleware` of `loyalty.core.middleware`.
SILENCED_SYSTEM_CHECKS = ["security.W002", "security.W003"]
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_SSL_REDIRECT = not (DEBUG or LOCAL)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 0 if DEBUG or LOCAL else 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = not (DEBUG or LOCAL)
CSRF_COOKIE_SECURE = not (DEBUG or LOCAL)
SESSION_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        # Alpine, which the admin theme is built on, evaluates its attributes.
        "script-src": ["'self'", "'unsafe-eval'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

# Logs ------------------------------------------------------------------------------------------------

LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processor": structlog.processors.JSONRenderer(),
            "foreign_pre_chain": [
                structlog.contextvars.merge_contextvars,
                structlog.processors.TimeStamper(fmt="iso"),
                structlog.stdlib.add_logger_name,
                structlog.stdlib.add_log_level,
                structlog.processors.format_exc_info,
            ],
        }
    },
    "filters": {"routes": {"()": "loyalty.core.logs.RouteFilter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django.request": {"filters": ["routes"]},
        # A task a second that went well is no news; one that fails is an error of `celery.app.trace`.
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.filter_by_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)

# Audit ---------------------------------------------------------------------------------------------------

PGHISTORY_APPEND_ONLY = True

# Admin theme: see https://unfoldadmin.com. Callables: `loyalty.core.navigation`, `loyalty.start_page`.
UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Regulars",
    "SITE_HEADER": "loyalty.core.navigation.header",
    "SITE_SUBHEADER": "loyalty.core.navigation.subheader",
    "SITE_ICON": "loyalty.core.navigation.mark",
    "SITE_URL": None,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "loyalty.core.navigation.mark"}],
    "SITE_DROPDOWN": "loyalty.core.navigation.programs",
    "ENVIRONMENT": "loyalty.core.navigation.environment",
    "DASHBOARD_CALLBACK": "loyalty.start_page.show",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": ["loyalty.core.navigation.style"],
    "SCRIPTS": ["loyalty.core.navigation.script"],
    "SIDEBAR": {"show_search": False, "navigation": "loyalty.core.navigation.sidebar"},
    "ACCOUNT": {"navigation": "loyalty.core.navigation.account"},
    "BORDER_RADIUS": "8px",
    "COLORS": {
        "base": {
            "50": "oklch(98.4% .004 95)",
            "100": "oklch(96.3% .005 95)",
            "200": "oklch(92.2% .007 92)",
            "300": "oklch(86.8% .009 90)",
            "400": "oklch(70.9% .012 85)",
            "500": "oklch(54.5% .014 80)",
            "600": "oklch(44.4% .013 75)",
            "700": "oklch(37.2% .012 70)",
            "800": "oklch(27% .009 65)",
            "900": "oklch(20.8% .008 60)",
            "950": "oklch(15% .006 60)",
        },
        "primary": {
            "50": "oklch(97.6% .018 170)",
            "100": "oklch(94.4% .04 168)",
            "200": "oklch(89% .075 167)",
            "300": "oklch(81% .105 166)",
            "400": "oklch(71% .12 166)",
            "500": "oklch(60.5% .115 166)",
            "600": "oklch(50.5% .1 167)",
            "700": "oklch(43.5% .085 168)",
            "800": "oklch(37% .07 169)",
            "900": "oklch(31% .057 170)",
            "950": "oklch(22.5% .042 172)",
        },
    },
}
