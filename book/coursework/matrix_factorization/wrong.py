# %% q1: the product is not projected on the observed entries
def velocities(U, V, mask, M):
    R = U @ V.T - M
    return -R @ V, -R.T @ U, -(U @ U.T @ R + R @ V @ V.T)


# %% q1: the transpose in the second factor is lost
def velocities(U, V, mask, M):
    R = mask * (U @ V.T - M)
    return -R @ V, -U.T @ R, -(U @ U.T @ R + R @ V @ V.T)


# %% q1: both matrices on one side of the residual
def velocities(U, V, mask, M):
    R = mask * (U @ V.T - M)
    return -R @ V, -R.T @ U, -(U @ U.T + V @ V.T) @ R


# %% q1: the flow of a risk without the half
def velocities(U, V, mask, M):
    R = mask * (U @ V.T - M)
    return -2 * R @ V, -2 * R.T @ U, -2 * (U @ U.T @ R + R @ V @ V.T)


# %% q1: the flow of W itself, without factors
def velocities(U, V, mask, M):
    R = mask * (U @ V.T - M)
    return -R @ V, -R.T @ U, -R


# %% q2: a step of gradient descent
def balanced_step(U, V, R, step_size):
    return U - step_size * R @ V, V - step_size * R.T @ U


# %% q2: the exponential of every entry
def balanced_step(U, V, R, step_size):
    zero = np.zeros_like(R)
    new = np.exp(-step_size * np.block([[zero, R], [R.T, zero]])) @ np.vstack([U, V])
    return new[: len(U)], new[len(U) :]


# %% q2: uphill
def balanced_step(U, V, R, step_size):
    zero = np.zeros_like(R)
    new = expm(step_size * np.block([[zero, R], [R.T, zero]])) @ np.vstack([U, V])
    return new[: len(U)], new[len(U) :]


# %% q2: R and its transpose change places
def balanced_step(U, V, R, step_size):
    zero = np.zeros_like(R)
    new = expm(-step_size * np.block([[zero, R.T], [R, zero]])) @ np.vstack([U, V])
    return new[: len(U)], new[len(U) :]


# %% q2: one factor after the other
def balanced_step(U, V, R, step_size):
    U = U - step_size * R @ V
    return U, V - step_size * R.T @ U


# %% q3: the Frobenius norm, which is its own dual
def certificate(W, Y, mask, M):
    Y, W = np.where(mask, Y, 0), np.where(mask, M, W)
    return (Y * M).sum() / np.linalg.norm(Y), np.linalg.norm(W, "nuc")


# %% q3: Y is divided by its nuclear norm
def certificate(W, Y, mask, M):
    Y, W = np.where(mask, Y, 0), np.where(mask, M, W)
    return (Y * M).sum() / np.linalg.norm(Y, "nuc"), np.linalg.norm(W, "nuc")


# %% q3: eigenvalues for singular values
def certificate(W, Y, mask, M):
    Y, W = np.where(mask, Y, 0), np.where(mask, M, W)
    upper = np.abs(np.linalg.eigvals(W)).sum()
    return (Y * M).sum() / np.abs(np.linalg.eigvals(Y)).max(), upper


# %% q3: W as it was sent, which misses the observations
def certificate(W, Y, mask, M):
    Y = np.where(mask, Y, 0)
    return (Y * M).sum() / np.linalg.norm(Y, 2), np.linalg.norm(W, "nuc")


# %% q3: Y keeps its unseen entries
def certificate(W, Y, mask, M):
    W = np.where(mask, M, W)
    return (Y * M).sum() / np.linalg.norm(Y, 2), np.linalg.norm(W, "nuc")


# %% q4: the unseen entry stays at the minimiser of the nuclear norm
least_norm = 2 * m


def unseen_entry(t, m, depth):
    return 0.0


# %% q4: the law without the half in the risk
least_norm = 2 * m


def unseen_entry(t, m, depth):
    time = 2 * m ** (2 - 2 / depth) * t
    return m * ((2 * depth + 2) * time) ** (depth / (2 * depth + 2))


# %% q4: the time is not rescaled
least_norm = 2 * m


def unseen_entry(t, m, depth):
    return m * ((2 * depth + 2) * t) ** (depth / (2 * depth + 2))


# %% q4: the same law at every depth
least_norm = 2 * m


def unseen_entry(t, m, depth):
    return m * (6 * m * t) ** (1 / 3)


# %% q4: the Frobenius norm taken for the nuclear norm
least_norm = np.sqrt(2) * m


def unseen_entry(t, m, depth):
    time = m ** (2 - 2 / depth) * t
    return m * ((2 * depth + 2) * time) ** (depth / (2 * depth + 2))


# %% q5: the limit has the least nuclear norm after all
least_norm_4 = 4 * R
limit_norm = 4 * R
exponent = 2 / (1 + np.sqrt(1 + 4 * R**2))
scale = 0.1

# %% q5: a start that is not small enough
least_norm_4 = 4 * R
limit_norm = 2 * R**2 + 2
exponent = 2 / (1 + np.sqrt(1 + 4 * R**2))
scale = 1e-3

# %% q5: the ratio of the rates for the exponent
least_norm_4 = 4 * R
limit_norm = 2 * R**2 + 2
exponent = (np.sqrt(1 + 4 * R**2) - 1) / (np.sqrt(1 + 4 * R**2) + 1)
scale = 1e-10

# %% q5: the exponent in the scale of a factor, not of the product
least_norm_4 = 4 * R
limit_norm = 2 * R**2 + 2
exponent = 4 / (1 + np.sqrt(1 + 4 * R**2))
scale = 1e-10

# %% q5: the observed entries alone, with zeros elsewhere, taken for the least norm
least_norm_4 = float(np.abs(np.linalg.eigvalsh(small_table.M)).sum())
limit_norm = 2 * R**2 + 2
exponent = 2 / (1 + np.sqrt(1 + 4 * R**2))
scale = 1e-10

# %% q6: three factors taken for a broken hypothesis
controls = [kept | {"depth": 3}, kept | {"scale": 1.0}]
decoy = kept | {"scale": 1e-10}

# %% q6: a smaller start taken for a broken hypothesis
controls = [kept | {"depth": 1}, kept | {"scale": 1e-12}]
decoy = kept | {"depth": 3}

# %% q6: rescaled observations taken for a broken hypothesis
controls = [kept | {"depth": 1}, kept | {"factor": 10.0}]
decoy = kept | {"depth": 3}

# %% q6: two hypotheses at once
controls = [kept | {"depth": 1, "scale": 1.0}, kept | {"scale": 1.0}]
decoy = kept | {"depth": 3}

# %% q6: the same hypothesis twice
controls = [kept | {"scale": 1.0}, kept | {"scale": 10.0}]
decoy = kept | {"depth": 3}

# %% q6: the norm of a single factor is expected to be the nuclear one
controls = [kept | {"scale": 1.0}, kept | {"factor": 1e-8}]
decoy = kept | {"depth": 1}
