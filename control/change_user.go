package control

import (
	"context"
	"time"

	"cdds"
	"cdds/store"
)

// SetRole gives a user of the caller's tenant another role and ends all the
// user's sessions. CodeConflict for the tenant's last active administrator.
func (c *Control) SetRole(ctx context.Context, by Caller, id string, role cdds.Role, now time.Time) (cdds.User, error) {
	if err := cdds.ValidateRole(role); err != nil {
		return cdds.User{}, err
	}
	return c.changeUser(ctx, by, id, "user.role", now, func(u *cdds.User) string {
		detail := "from " + roleName(u.Role) + " to " + roleName(role)
		u.Role = role
		return detail
	})
}

// DeactivateUser lets a user of the caller's tenant in no more: sessions end,
// and API tokens are refused. Runs of the user's jobs fail until somebody takes
// the jobs over; one that is in progress ends its attempt. CodeConflict for the
// tenant's last active administrator.
func (c *Control) DeactivateUser(ctx context.Context, by Caller, id string, now time.Time) (cdds.User, error) {
	return c.changeUser(ctx, by, id, "user.deactivate", now, func(u *cdds.User) string {
		u.Active = false
		return ""
	})
}

// ActivateUser lets a deactivated user in again, with the password and the API
// tokens from before.
func (c *Control) ActivateUser(ctx context.Context, by Caller, id string, now time.Time) (cdds.User, error) {
	return c.changeUser(ctx, by, id, "user.activate", now, func(u *cdds.User) string {
		u.Active = true
		return ""
	})
}

// changeUser applies a change, which returns the audit line's detail. One that
// changes nothing ends no session and leaves no line.
func (c *Control) changeUser(ctx context.Context, by Caller, id, action string, now time.Time, change func(u *cdds.User) string) (cdds.User, error) {
	var changed cdds.User
	err := c.store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.LockUsers(ctx, by.User.TenantID); err != nil {
			return err
		}
		row, err := tx.UserRow(ctx, by.User.TenantID, id)
		if err != nil {
			return err
		}
		changed = row.User
		detail := change(&changed)
		if changed == row.User {
			return nil
		}
		administrators, err := tx.Administrators(ctx, by.User.TenantID)
		if err != nil {
			return err
		}
		if err := row.CheckChange(changed, administrators); err != nil {
			return err
		}
		if err := tx.UpdateUser(ctx, changed); err != nil {
			return err
		}
		if err := tx.DeleteSessionsOf(ctx, id); err != nil {
			return err
		}
		return audit(ctx, tx, by, action, id, detail, now)
	})
	return changed, err
}
