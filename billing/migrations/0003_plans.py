from django.db import migrations

# code, name, calls per second of a key, burst, ceiling of a key's own rate, units per period, keys, seats
PLANS = (
    ("FREE", "Free", 25, 50, 1_000, 100_000, 10, 3),
    ("BASIC", "Basic", 100, 200, 5_000, 2_000_000, 50, 10),
    ("PRO", "Pro", 500, 1_000, 20_000, 50_000_000, 1_000, 50),
    ("ENTERPRISE", "Enterprise", 5_000, 10_000, None, None, None, None),
)


def create(apps, schema_editor):
    Plan = apps.get_model("billing", "Plan")
    for position, (code, name, rate, burst, ceiling, quota, keys, seats) in enumerate(PLANS):
        Plan.objects.create(
            code=code,
            name=name,
            position=position,
            rate_limit=rate,
            rate_burst=burst,
            rate_ceiling=ceiling,
            quota_limit=quota,
            key_limit=keys,
            seat_limit=seats,
        )


def remove(apps, schema_editor):
    apps.get_model("billing", "Plan").objects.filter(code__in=[plan[0] for plan in PLANS]).delete()


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_triggers")]

    operations = [migrations.RunPython(create, remove)]
